"""Probes of the user's own, each in one file: in simulate, in a scan, resumed, and one line where one is broken."""

import sys
from pathlib import Path

import numpy as np
import pytest

import langevin_sgd as lsgd
from langevin_sgd.errors import UserError
from langevin_sgd.study import loading as config

FILE = '''\
import numpy as np

from langevin_sgd.observables.variable import Coordinate, Variable
from langevin_sgd.training.probes.probe import Probe
from langevin_sgd.training.probes.section import ProbeSection

STOP = []  # the step at which the user stops it


class NormProbe(ProbeSection):
    """Distance from the origin, and what stays of the gradient."""

    DECLARES = {
        "norm": Variable(("replica", "norm_step"), "norm of the weights"),
        "slope": Variable(("replica",), "norm of the gradient at the end"),
        "norm_step": Coordinate(("norm_step",), "step", "step"),
    }
    every: int = 10

    def build(self, watched):
        return Norm(self, watched)


class Norm(Probe):
    def __init__(self, section, watched):
        self._steps = np.arange(0, watched.steps + 1, section.every)
        self._norm = np.full((watched.replicas, self._steps.size), np.nan)

    @property
    def steps(self):
        return self._steps

    def observe(self, view):
        if view.step in STOP:
            STOP.clear()
            raise KeyboardInterrupt
        self._norm[:, np.searchsorted(self._steps, view.step)] = np.linalg.norm(view.positions, axis=1)

    def finish(self, view):
        return {"norm": self._norm, "slope": np.linalg.norm(view.gradients, axis=1)}

    def coords(self):
        return {"norm_step": self._steps}

    def state(self):
        return {"norm": self._norm}

    def restore(self, state):
        self._norm[...] = state["norm"]


class Raises(NormProbe):
    def build(self, watched):
        return Broken(self, watched)


class Broken(Norm):
    def observe(self, view):
        raise KeyError("layer")


class Nothing(NormProbe):
    def build(self, watched):
        return None


class Late(NormProbe):
    def build(self, watched):
        made = Norm(self, watched)
        made._steps = made._steps + 1
        return made


class Undeclared(NormProbe):
    DECLARES = {"slope": NormProbe.DECLARES["slope"]}


class Taken(NormProbe):
    DECLARES = {"energy": NormProbe.DECLARES["slope"]}
'''


@pytest.fixture
def module(own_module) -> str:
    return own_module("my_probes", FILE)


def study(*probes: object, scan: dict | None = None) -> dict:
    network = {
        "kind": "network", "data": {"name": "iris"}, "architecture": {"kind": "softmax"}, "replicas": 3, "steps": 40,
        "record_times": 4,
        "probes": list(probes),
    }  # fmt: skip
    sgd = {"learning_rate": 0.1, "batch_size": 8}
    return {"name": "one", "seed": 1, "sgd": sgd, "models": {"network": network}, "scan": scan or {}}


def test_it_measures_beside_those_of_the_package(module: str) -> None:
    found = lsgd.simulate(study({"kind": f"{module}:NormProbe", "every": 20}, "sharpness"))["network"]
    assert found.norm.dims == ("replica", "norm_step")
    assert found.norm_step.values.tolist() == [0, 20, 40]
    assert found.norm.attrs["long_name"] == "norm of the weights"
    assert np.isfinite(found.norm).all()
    assert (found.slope > 0).all()
    assert "sharpness_top" in found
    assert set(found.data_vars) >= config.parse(study(f"{module}:NormProbe")).models["network"].emits()


def test_it_is_scanned_and_goes_on_after_an_interruption_to_the_same_bits(module: str, tmp_path: Path) -> None:
    scanned = study(f"{module}:NormProbe", scan={"sgd.batch_size": [4, 8]})
    whole = lsgd.simulate(scanned)["network"]
    assert whole.norm.dims == ("batch_size", "replica", "norm_step")
    sys.modules[module].STOP.append(30)
    with pytest.raises(KeyboardInterrupt):
        lsgd.simulate(scanned, output=tmp_path / "run")
    resumed = lsgd.simulate(scanned, output=tmp_path / "run", resume=True)["network"]
    for name in ("norm", "slope", "energy"):
        assert np.array_equal(whole[name], resumed[name]), name


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Raises", "observing step 0 failed: KeyError: 'layer' (my_probes.py, line "),
        ("Nothing", "built NoneType; a subclass of langevin_sgd.training.Probe is needed"),
        ("Late", "its steps must be a list of whole numbers from 0 to 40"),
        ("Taken", "energy: declared twice and differently, as variable (replica, time)"),
    ],
)
def test_a_broken_one_is_told_in_one_line(module: str, name: str, told: str) -> None:
    with pytest.raises(UserError) as refused:
        lsgd.simulate(study(f"{module}:{name}"))
    assert f"probe {module}:{name}: {told}" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_one_that_fits_not_what_it_declares_is_told_at_the_end(module: str) -> None:
    with pytest.warns(RuntimeWarning, match=r"network: failed"):
        failed = lsgd.simulate(study(f"{module}:Undeclared"))["network"]
    told = "what it measured does not fit: ValueError: norm is not a declared observable"
    assert f"probe {module}:Undeclared: {told}" in failed.attrs["error"]
    assert "\n" not in failed.attrs["error"]


def test_a_misspelt_one_is_told_with_the_nearest(module: str) -> None:
    with pytest.raises(UserError, match=r"probes.0: my_probes:NormProb: my_probes has no NormProb; did you mean"):
        config.parse(study(f"{module}:NormProb"))
    with pytest.raises(UserError, match=r"probes.0.evry: unknown key; did you mean \"every\"\?"):
        config.parse(study({"kind": f"{module}:NormProbe", "evry": 3}))
    with pytest.raises(UserError, match=r"probes.0: .*a subclass of langevin_sgd.training.ProbeSection is needed"):
        config.parse(study(f"{module}:Norm"))
