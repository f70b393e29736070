"""Every family of kinds that a config may name, by what its members are called."""

from __future__ import annotations

from typing import Any

from langevin_sgd.families import Family, imported

FAMILIES = {
    "models": "langevin_sgd.models:MODELS",
    "checks": "langevin_sgd.checks:CHECKS",
}
"""Families whose members are sections of the config."""


def holding(name: str) -> dict[str, Family[Any]]:
    """The families that have a member called `name`, by what their members are called."""
    families = {word: imported(path) for word, path in FAMILIES.items()}
    return {word: family for word, family in families.items() if ":" in name or name in family}


def all_names() -> list[str]:
    """The members of all families by name."""
    return [name for path in FAMILIES.values() for name in imported(path)]
