"""The memory that a process may still take: the least of all limits that hold for it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from langevin_sgd import machine_memory


def test_the_least_of_all_limits_counts(tmp_path):
    def write(path: str, text: str) -> None:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="ascii")

    write("one", "4:cpu:/a\n3:memory:/a/b\n")
    write("memory/a/b/memory.limit_in_bytes", "9223372036854771712\n")  # no limit
    write("memory/a/b/memory.usage_in_bytes", "7\n")
    write("memory/a/memory.limit_in_bytes", "4000\n")
    write("memory/a/memory.usage_in_bytes", "3000\n")
    write("memory/a/memory.stat", "cache 5\ninactive_file 300\ntotal_inactive_file 500\n")
    assert list(machine_memory._left_in_groups(tmp_path / "one", tmp_path)) == [1500]

    write("two", "0::/job\n")
    write("job/memory.max", "2000\n")
    write("job/memory.current", "1900\n")
    write("job/memory.stat", "anon 5\ninactive_file 50\n")
    write("memory.max", "max\n")
    assert list(machine_memory._left_in_groups(tmp_path / "two", tmp_path)) == [150]
    assert list(machine_memory._left_in_groups(tmp_path / "none", tmp_path)) == []
    assert 0 < machine_memory.available() < 1 << 50


def test_an_address_space_that_is_limited_counts():
    resource = pytest.importorskip("resource")
    code = (
        "import resource\n"
        "from langevin_sgd import machine_memory as memory\n"
        "resource.setrlimit(resource.RLIMIT_AS, (3 << 30, resource.RLIM_INFINITY))\n"
        "print(memory.available())"
    )
    assert resource.getrlimit(resource.RLIMIT_AS)[1] == resource.RLIM_INFINITY
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 0 < int(done.stdout) < 3 << 30
