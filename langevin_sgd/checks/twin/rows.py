"""The comparisons of a network with its twins, and the conclusion of them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import xarray as xr

from langevin_sgd.checks.judged import Judged
from langevin_sgd.checks.places import Keys, keys_at, scan_keys
from langevin_sgd.checks.twin.compared import Compared, compared
from langevin_sgd.checks.twin.conclusion import MINIBATCHES, Conclusion, Twin, concluded
from langevin_sgd.checks.twin.config import TwinCheck
from langevin_sgd.checks.verdicts.labels import Quantity, Said
from langevin_sgd.checks.verdicts.statistics import Assessment
from langevin_sgd.checks.verdicts.table import Comparison, Role
from langevin_sgd.models import lineage

CONCLUSION = Quantity(
    "follows_its_equation",
    "SGD and its SDE",
    ranks=(0, 0),
)
_EQUATION = "its own stochastic differential equation"
_RUN_WITH = ("learning_rate", "batch_size", "momentum")


def rows(judged: Judged, check: TwinCheck) -> list[Comparison]:
    """Those of one twin and, of the one that stands for the equation, the conclusion of all."""
    network = lineage.sources(judged.study, judged.name)[0]
    if network not in judged.done:
        return []
    of_network = replace(judged, name=network)
    own = [
        replace(_row(each, network, twin), point=label)
        for label, _, twin in _twins(of_network, judged.name, check)
        for each in twin.rows
    ]
    return own + list(_conclusions(of_network, judged.name, check))


def _twins(network: Judged, name: str, check: TwinCheck) -> Iterator[tuple[str, Keys, Twin]]:
    """A twin at every point of its scan, with its label and the keys of the network's own scan there."""
    names = scan_keys(network.data)
    for label, trained, taken in network.beside(name):
        data = taken.data
        noise, fraction = str(data["twin_noise"].values.item()), float(data["time_step_fraction"])
        exact = noise == MINIBATCHES and fraction == 1.0 and _alike(trained.data, data)
        twin = Twin(name, noise, fraction, compared(trained.data, data, check), exact)
        yield label, keys_at(trained.data, names), twin


def _alike(network: xr.Dataset, twin: xr.Dataset) -> bool:
    """Whether both have the same numbers of SGD, and draw with replacement."""
    with_replacement = network.attrs.get("sampling") == twin.attrs.get("sampling") == "with_replacement"
    return with_replacement and all(np.isclose(float(network[name]), float(twin[name])) for name in _RUN_WITH)


def _conclusions(network: Judged, asked: str, check: TwinCheck) -> Iterator[Comparison]:
    """Those for which the twin called `asked` stands."""
    study = network.study
    others = [name for name in check.covered(study) if lineage.sources(study, name)[:1] == (network.name,)]
    found = [
        (label, keys, twin)
        for name in others
        if name in network.done
        for label, keys, twin in _twins(network, name, check)
    ]
    for place in {tuple(keys.items()): keys for _, keys, _ in found}.values():
        here = [(label, twin) for label, keys, twin in found if keys == place]
        conclusion = concluded([twin for _, twin in here], epochs=network.data.attrs.get("sampling") == "epoch")
        if conclusion is not None and conclusion.of.name == asked:
            label = next(label for label, twin in here if twin is conclusion.of)
            yield replace(_of_conclusion(conclusion, network.name), point=label)


def _of_conclusion(conclusion: Conclusion, network: str) -> Comparison:
    nan, left = math.nan, f"it leaves {_EQUATION} ({conclusion.title})"
    said = Said(f"it follows {_EQUATION}", left, f"whether it follows {_EQUATION} is open")
    return Comparison.from_assessment(
        Assessment(nan, nan, nan, nan, conclusion.verdict, nan, conclusion.reason),
        model=network,
        quantity=replace(CONCLUSION, said=said),
        law=f"twin:{conclusion.of.name}",
        law_title=conclusion.title,
        role="contrast",
        measured=nan,
        standard_error=nan,
        predicted=nan,
        tolerance=nan,
        eigenvalues=np.empty(0),
    )


def _row(each: Compared, network: str, twin: Twin) -> Comparison:
    """A law is claimed where the twin is SGD itself; else SGD is held against an approximation of it."""
    role: Role = "law" if twin.exact else "contrast"
    return Comparison.from_assessment(
        each.assessed,
        model=network,
        quantity=each.quantity,
        law=f"twin:{twin.name}",
        law_title=twin.name,
        law_said=twin.name,
        role=role,
        measured=each.measured.value,
        standard_error=each.stderr,
        predicted=each.predicted.value,
        tolerance=each.tolerance,
        eigenvalues=each.eigenvalues,
    ).spoiled(each.fault)
