"""The memory that is free to this process: what the machine has left, within the limits that it was started under."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

_UNLIMITED = 1 << 60  # control groups write "no limit" as a number near 2^63


def available() -> int:
    """Bytes that this process can still take: the least of free memory, control groups and the address space."""
    found = [_free(), *_left_in_groups(), *_left_in_address_space()]
    return max(0, min(found))


def available_on(device: str) -> int:
    """Bytes free on a CUDA device, or of the machine for `cpu`."""
    if not device.startswith("cuda"):
        return available()
    import torch

    if torch.cuda.is_available():
        free, _ = torch.cuda.mem_get_info(device)
    else:  # one that numba alone sees
        from numba import cuda

        context = cuda.current_context(int(device.partition(":")[2] or 0))  # type: ignore[no-untyped-call]
        free, _ = context.get_memory_info()
    return int(min(free, _UNLIMITED))


def _free() -> int:
    """What Linux could hand out without swapping; elsewhere all of the machine's memory."""
    table = Path("/proc/meminfo")
    if table.exists():
        found = re.search(r"^MemAvailable:\s+(\d+) kB", table.read_text(encoding="ascii"), re.MULTILINE)
        if found:
            return int(found[1]) * 1024
    if hasattr(os, "sysconf"):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return sys.maxsize


def _left_in_groups(process: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")) -> Iterator[int]:
    """What the control groups around this process leave, from its own up to the outermost, of both versions."""
    if not process.exists():
        return
    for line in process.read_text(encoding="utf-8").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "memory":
            mount, limit = root / "memory", "memory.limit_in_bytes"
            used, cache = "memory.usage_in_bytes", "total_inactive_file"
        elif not controllers:
            mount, limit, used, cache = root, "memory.max", "memory.current", "inactive_file"
        else:
            continue
        own = mount / path.strip("/")
        for group in (own, *own.parents):
            if not group.is_relative_to(mount):
                break
            most, taken = _number(group / limit), _number(group / used)
            if most is not None and taken is not None and most < _UNLIMITED:
                yield most - taken + _pages(group / "memory.stat", cache)


def _left_in_address_space() -> Iterator[int]:
    """What `ulimit -v` leaves."""
    try:
        import resource
    except ImportError:  # Windows has none
        return
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    taken = Path("/proc/self/statm")
    if limit != resource.RLIM_INFINITY and taken.exists():
        yield limit - int(taken.read_text(encoding="ascii").split()[0]) * os.sysconf("SC_PAGE_SIZE")


def _number(file: Path) -> int | None:
    """The number in a file of a control group; None where there is no such file, or it says "max"."""
    if not file.is_file():
        return None
    text = file.read_text(encoding="ascii").strip()
    return int(text) if text.isdecimal() else None


def _pages(statistics: Path, name: str) -> int:
    """Bytes of cached files that the kernel gives up when memory is asked for; they count as used."""
    if not statistics.is_file():
        return 0
    found = re.search(rf"^{name} (\d+)$", statistics.read_text(encoding="ascii"), re.MULTILINE)
    return int(found[1]) if found else 0
