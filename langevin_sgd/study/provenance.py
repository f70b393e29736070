"""Where a run's numbers came from: one JSON text at the root of every run."""

from __future__ import annotations

import functools
import json
import platform
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import langevin_sgd

_PACKAGES = ("numpy", "scipy", "torch", "xarray", "zarr", "scikit-learn", "arviz-stats")


def versions() -> dict[str, str]:
    """Versions of langevin-sgd, Python and the libraries that the numbers depend on."""
    return {
        "langevin-sgd": langevin_sgd.__version__,
        "python": platform.python_version(),
        **{name: _version(name) for name in _PACKAGES},
    }


@functools.cache  # those of the process, however many runs it makes
def _version(package: str) -> str:
    return metadata.version(package)


def git_revision() -> str | None:
    """Commit of the checkout that langevin-sgd runs from, with "+changes" if it was edited; None outside a checkout."""
    package = Path(langevin_sgd.__file__).parent

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(package), *arguments], capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()

    try:
        if Path(git("rev-parse", "--show-toplevel")).resolve() != package.parent.resolve():
            return None  # installed inside somebody else's repository
        return git("rev-parse", "HEAD") + ("+changes" if git("status", "--porcelain", "--", str(package)) else "")
    except (OSError, subprocess.SubprocessError):
        return None


def recorded(attributes: Mapping[Any, Any]) -> dict[str, Any]:
    """The provenance among the attributes of a run's root, empty if it is not there. Raises `ValueError` if damaged."""
    text = attributes.get("provenance", "{}")
    try:
        found = json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError("its provenance is no JSON") from error
    if not isinstance(found, dict):
        raise ValueError("its provenance is no JSON object")
    return found


def config(attributes: Mapping[Any, Any]) -> dict[str, Any]:
    """The config in the provenance of a run, empty if there is none. Raises `ValueError` if it is damaged."""
    found = recorded(attributes).get("config", {})
    lists = {"models": dict, "checks": list}
    if not isinstance(found, dict) or not all(isinstance(found.get(key, kind()), kind) for key, kind in lists.items()):
        raise ValueError("the config in its provenance is none")
    return found


def provenance(
    config: Mapping[str, Any],
    *,
    seed: int,
    device_asked: str,
    devices: Mapping[str, str],
    backends: Mapping[str, str],
    started: datetime,
) -> str:
    """The provenance attribute: resolved config, seed, versions, devices, backends, git revision, started, elapsed.

    `device` names the devices that something ran on, `device_asked` what was asked for, and `devices` and `backends`
    tell model by model what ran it ("none" of a model that did not run).
    """
    return json.dumps(
        {
            "config": dict(config),
            "seed": seed,
            "versions": versions(),
            "device": ", ".join(sorted({*devices.values()} - {"none"})) or "none",
            "device_asked": device_asked,
            "devices": dict(devices),
            "backends": dict(backends),
            "git_revision": git_revision(),
            "machine": f"{platform.system()} {platform.machine()}",
            "command": Path(sys.argv[0]).name,
            "started": started.isoformat(timespec="seconds"),
            "elapsed_seconds": round((datetime.now(UTC) - started).total_seconds(), 3),
        }
    )
