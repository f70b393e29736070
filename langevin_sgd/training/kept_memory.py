"""Memory that one operation frees is kept for the next, instead of going back to the system in between.

A step of an ensemble makes and frees the same results of some megabytes every time. The C library hands pieces that
large back at once, and the system fills each new one with zeros, page by page: with convolutions that takes as long as
the arithmetic does, and threads wait for one another at it.
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of malloc.h

_LARGEST_PIECE = 32 << 20  # the most that the GNU library takes
_MOST_KEPT = 128 << 20


@cache
def keep_freed_memory() -> bool:
    """Do so from now on in this process; whether its C library can (`mallopt` of the GNU library).

    Larger pieces than 32 MiB are still the system's, and what is free beyond 128 MiB is given back.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is None:
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _LARGEST_PIECE)) and bool(mallopt(_TRIM_THRESHOLD, _MOST_KEPT))
