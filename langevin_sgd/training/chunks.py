"""How many samples and replicas are evaluated at a time, so that what is computed on the way stays in a core's cache.

Light to import: estimates of memory ask it too.
"""

from __future__ import annotations

SAMPLES_AT_A_TIME = 256
"""Of networks that are not wide, and of those that mix samples, whose loss is one of so many."""

_MOST_SAMPLES = 2048
_REPLICAS_AT_A_TIME = 64
_UNIT = 16
_NUMBERS_OF_A_REPLICA = 1 << 17  # of the largest result of a chunk, for one replica; beyond, chunks are smaller:
_NUMBERS_OF_A_WIDE_ONE = 1 << 15


def samples_at_a_time(widest: int) -> int:
    """Samples of a chunk, where the largest result on the way to the outputs has so many numbers a sample."""
    if not is_wide(widest):
        return SAMPLES_AT_A_TIME
    return max(1, _NUMBERS_OF_A_WIDE_ONE // widest // _UNIT) * _UNIT


def even(samples: int, widest: int) -> int:
    """Samples of a chunk where one thread takes a few replicas through all of them again and again: up to two thousand,
    which spends less time between operations, and all chunks as near to equal as can be.
    """
    most = samples_at_a_time(widest)
    if not is_wide(widest):
        most = min(_MOST_SAMPLES, _NUMBERS_OF_A_REPLICA // widest)
    size = -(-samples // -(-samples // most))
    return min(samples, -(-size // _UNIT) * _UNIT)


def replicas_at_a_time(widest: int) -> int:
    """Replicas that a core evaluates together, or up to twice as many."""
    return _UNIT if is_wide(widest) else _REPLICAS_AT_A_TIME


def is_wide(widest: int) -> bool:
    """Whether the results of 256 samples would be too large."""
    return SAMPLES_AT_A_TIME * widest > _NUMBERS_OF_A_REPLICA
