"""Scans beside lists of numbers: drawn values, groups of keys, names, the seed, models measured on others."""

import sys
import types
from typing import Any

import numpy as np
import pytest
import xarray as xr

import langevin_sgd as lsgd
from langevin_sgd.config.errors import ConfigError
from langevin_sgd.models import lineage
from langevin_sgd.observables.scanned import points
from langevin_sgd.study.config import Study
from langevin_sgd.study.loading import load, parse, resolved_yaml
from langevin_sgd.training.data.dataset import DataSet

OU = {
    "kind": "ornstein_uhlenbeck",
    "hessian": {"kind": "diagonal", "eigenvalues": [1.0, 0.5]},
    "noise": {"kind": "isotropic", "scale": 1.0},
    "steps": 100,
    "replicas": 4,
}
WELL = {
    "kind": "langevin",
    "potential": {"kind": "expression", "energy": "x**2/2", "variables": ["x"]},
    "temperature": 0.5,
    "time_step": 0.1,
    "start": [1.0],
    "steps": 20,
    "replicas": 4,
    "record_times": 4,
}
NETWORK = {
    "kind": "network", "data": {"name": "made_up_axes:blobs"}, "architecture": {"kind": "softmax"}, "start": "minimum",
    "replicas": 4, "steps": 60, "record_times": 4, "precision": "float64",
}  # fmt: skip
MEASURED = {"kind": "ornstein_uhlenbeck", "hessian": {"from": "network"}, "noise": {"from": "network"}, "replicas": 4}
PAIR = {"sgd.learning_rate": [0.1, 0.2], "sgd.batch_size": [4, 8]}


def study(scan: dict[str, Any], seed: int = 5, **models: Any) -> dict[str, Any]:
    sgd = {"learning_rate": 0.1, "batch_size": 4, "weight_decay": 0.1}
    return {"name": "t", "seed": seed, "sgd": sgd, "models": models, "scan": scan}


def values(form: dict[str, Any], seed: int = 5, key: str = "models.well.temperature") -> np.ndarray:
    (axis,) = parse(study({key: form}, seed, well=WELL, ou=OU)).axes()
    return np.asarray(axis.values)


def test_random_values_follow_from_the_seed_and_stay_when_there_are_more() -> None:
    few, more = values({"random": [0.1, 0.9, 8]}), values({"random": [0.1, 0.9, 20]})
    np.testing.assert_array_equal(few, more[:8])
    assert not np.isin(few, values({"random": [0.1, 0.9, 8]}, seed=6)).any()
    assert not np.isin(few, values({"random": [0.1, 0.9, 8]}, key="models.well.time_step")).any()


@pytest.mark.parametrize("sequence", ["random", "sobol"])
def test_drawn_values_are_uniform_or_so_in_their_logarithm(sequence: str) -> None:
    """Means of 1,024 within 5 s.e. of independent ones, 1/sqrt(12 n); every value between the ends."""
    bound = 5 / np.sqrt(12 * 1024)
    plain = values({sequence: [0.2, 0.7, 1024]})
    assert abs((plain.mean() - 0.2) / 0.5 - 0.5) < bound
    assert 0.2 < plain.min() < plain.max() < 0.7
    logarithmic = values({sequence: [0.01, 1.0, 1024], "spacing": "geometric"})
    assert abs(np.log(logarithmic / 0.01).mean() / np.log(100.0) - 0.5) < bound


def test_between_whole_numbers_whole_ones_are_drawn_with_both_ends() -> None:
    both = {"sgd.batch_size": {"random": [1, 3, 64]}, "sgd.learning_rate": {"random": [0.1, 0.2, 64]}}
    (axis,) = parse(study({"both": {"zip": both}}, ou=OU)).axes()
    assert set(axis.columns[0]) == {1, 2, 3}
    assert all(isinstance(value, int) for value in axis.columns[0])


def test_sobol_values_of_a_group_fill_the_plane() -> None:
    """64 points of a (0, 6, 2)-net, one in each of 8 x 8 cells, and in each of 64 x 1 and 1 x 64."""
    group = {key: {"sobol": [0.0, 0.5, 64]} for key in ("sgd.momentum", "sgd.weight_decay")}
    (axis,) = parse(study({"plane": {"zip": group}}, network=NETWORK)).axes()
    x, y = 2 * np.asarray(axis.columns)
    for width, height in ((8, 8), (64, 1), (1, 64)):
        cells = np.floor(x * width) * height + np.floor(y * height)
        assert len(set(cells)) == 64


def test_groups_resolve_to_themselves(tmp_path) -> None:
    scan = {"pair": {"zip": {"sgd": PAIR_NESTED}}, "models.ou.noise.scale": {"random": [0.5, 1.0, 3]}}
    first = parse(study(scan, ou=OU))
    file = tmp_path / "config.yaml"
    file.write_text(resolved_yaml(first), encoding="utf-8")
    assert load(file) == first
    assert first == parse(study({**scan, "pair": {"zip": PAIR}}, ou=OU))


PAIR_NESTED = {"learning_rate": [0.1, 0.2], "batch_size": [4, 8]}


def same(found: xr.Dataset, alone: dict[str, Any], name: str) -> None:
    expected = lsgd.simulate(alone, device="cpu")[name].dataset
    for each in expected.data_vars:
        np.testing.assert_array_equal(found[each].values, expected[each].values, err_msg=str(each))


def test_keys_that_vary_together_are_one_dimension() -> None:
    tree = lsgd.simulate(study({"pair": {"zip": PAIR}}, ou=OU), device="cpu")
    found = dict(points(tree["ou"].dataset))
    assert list(found) == ["batch_size=4, learning_rate=0.1", "batch_size=8, learning_rate=0.2"]
    same(found["batch_size=4, learning_rate=0.1"], study({}, ou=OU), "ou")
    assert float(found["batch_size=8, learning_rate=0.2"].batch_size) == 8


def test_names_and_steps_and_seeds_are_scanned() -> None:
    """Each point has the bits of the study that runs it alone, where it is the first of its noise."""
    scan = {"seed": [5, 6], "models.well.scheme": ["euler_maruyama", "baoab"], "models.well.steps": [20, 10]}
    found = lsgd.simulate(study(scan, well=WELL), device="cpu")["well"].dataset
    assert found.scheme.values.tolist() == ["euler_maruyama", "baoab"]
    shapes = {label: point.sizes["time"] for label, point in points(found)}
    assert shapes["seed=6, scheme=baoab, steps=10"] <= shapes["seed=5, scheme=euler_maruyama, steps=20"]
    _, first = next(points(found))
    same(first, study({}, well={**WELL, "scheme": "euler_maruyama"}), "well")
    assert (found.status == 1).all()
    assert len({float(point.energy.isel(time=-1).sum()) for _, point in points(found)}) == 8


def test_a_key_that_matters_with_one_of_the_names_can_be_scanned() -> None:
    scan = {"models.well.scheme": ["euler_maruyama", "baoab"], "models.well.friction": [0.5, 2.0]}
    assert [axis.name for axis in lineage.scanned(parse(study(scan, well=WELL)), "well")] == ["scheme", "friction"]


def test_a_group_is_overridden_by_key() -> None:
    changed = parse(study({"pair": {"zip": PAIR}}, ou=OU), ["scan.pair.zip.sgd.batch_size=[1, 2]"])
    assert changed.axes()[0].columns == ((0.1, 0.2), (1, 2))


def test_whole_numbers_drawn_twice_are_told() -> None:
    with pytest.raises(ConfigError, match=r"sgd\.batch_size: draws a value twice; give fewer than 9, or a wider range"):
        parse(study({"sgd.batch_size": {"random": [1, 8, 9]}}, ou=OU))


@pytest.fixture
def _blobs(monkeypatch) -> None:
    made = types.ModuleType("made_up_axes")

    def blobs() -> DataSet:
        rng = np.random.default_rng(0)
        labels = rng.integers(0, 3, 130)
        return DataSet(rng.normal(size=(3, 4))[labels] + rng.normal(size=(130, 4)), labels, classes=3, name="blobs")

    made.blobs = blobs  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "made_up_axes", made)


@pytest.mark.usefixtures("_blobs")
def test_a_model_is_measured_at_its_own_point() -> None:
    """Every point of network and model has the bits of the study that runs it alone, windows of all lengths."""
    scan = {"sgd.batch_size": [4, 8], "models.network.steps": [60, 40]}
    models = {"network": NETWORK, "ou": MEASURED}
    tree = lsgd.simulate(study(scan, **models), device="cpu")
    assert "sample_count" in tree["ou"].dataset
    alone = study({}, network={**NETWORK, "steps": 40}, ou=MEASURED)
    alone["sgd"]["batch_size"] = 8
    for name in models:
        *_, (label, last) = points(tree[name].dataset)
        assert label == "batch_size=8, steps=40"
        same(last, alone, name)


def test_a_scan_reaches_through_any_number_of_models() -> None:
    far = Study.model_construct(
        sgd=None, seed=1, scan={"models.a.x": (1, 2), "models.b.y": (1, 2)}, models={n: _Chain(n) for n in "abc"}
    )
    reached = {name: [axis.name for axis in lineage.scanned(far, name)] for name in "abc"}
    assert reached == {"a": ["x"], "b": ["x", "y"], "c": ["x", "y"]}


class _Chain:
    """A model that is measured on the one before it in the alphabet."""

    SGD_KEYS = ()
    sgd_override = None

    def __init__(self, name: str) -> None:
        self._before = chr(ord(name) - 1)

    def needs(self) -> tuple[tuple[str, str], ...]:
        return () if self._before < "a" else (("of", self._before),)

    def idle(self) -> tuple[str, ...]:
        return ()
