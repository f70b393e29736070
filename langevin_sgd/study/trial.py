"""What is wrong with models of a study and shows only as they begin, found before anything is written."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import islice
from typing import Any

from langevin_sgd import import_path, out_of_memory
from langevin_sgd.config.errors import FaultAtKey, FaultWithin, KeyPath
from langevin_sgd.errors import UserError
from langevin_sgd.models import lineage
from langevin_sgd.models.points import Points
from langevin_sgd.study.config import Study
from langevin_sgd.study.run_model import less


def import_code(study: Study) -> None:
    """Import what the models name of the user's own. Raises `FaultAtKey` for what is not there, or fails."""
    loaded: set[str] = set()
    for name, model in study.models.items():
        for path in model.code():
            try:
                if path not in loaded:
                    import_path.load(path)
            except UserError as error:
                key = _key_of(path, study.as_written()["models"][name])
                raise FaultAtKey(("models", name, *(key or ())), str(error)) from error
            loaded.add(path)


def _key_of(text: str, holder: Any) -> KeyPath | None:
    """Where a text stands within a mapping or a list; None if it does not."""
    if holder == text:
        return ()
    inner = holder.items() if isinstance(holder, Mapping) else enumerate(holder if isinstance(holder, list) else ())
    return next(((key, *found) for key, each in inner if (found := _key_of(text, each)) is not None), None)


def try_models(study: Study, *, devices: Mapping[str, str], finished: Collection[str] = ()) -> None:
    """Let every model that is not finished begin, and keep nothing; `devices` says where each runs.

    A model that is scanned begins at its first point, and once more with each other name that the scan gives it (a
    file, an update rule). What is wrong there but not with the last of its numbers is the fault of a point, and told
    when that runs. Raises `FaultAtKey` with the first fault of each model.
    """
    found: list[FaultAtKey] = []
    for name in lineage.order(study):
        if name in finished and not lineage.scanned(study, name):
            continue
        faults = (_fault_of(first, last, name, devices[name]) for first, last in Points(study, name).forms())
        found += islice((fault for fault in faults if fault is not None), 1)
    if found:
        raise FaultAtKey(found[0].path, found[0].message, beside=found[1:])


def _fault_of(first: Study, last: Study, name: str, device: str) -> FaultAtKey | None:
    """What is wrong at both of two points."""
    fault = _fault(first, name, device)
    return None if fault is None or (first is not last and _fault(last, name, device) is None) else fault


def _fault(study: Study, name: str, device: str) -> FaultAtKey | None:
    try:
        with out_of_memory.told(device, less(study, name)):
            study.models[name].trial(study, name, device)
    except FaultAtKey as error:
        return error
    except FaultWithin as error:
        return FaultAtKey(("models", name, *error.key), error.message)
    except UserError as error:
        return FaultAtKey(("models", name), str(error))
    return None
