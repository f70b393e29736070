"""`python -m langevin_sgd`, the same as `langevin-sgd`."""

from __future__ import annotations

from langevin_sgd.cli import entry

if __name__ == "__main__":
    entry()
