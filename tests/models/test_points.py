"""The config at a point of a scan is that of the study validated with the values of the point, made by copying."""

import sys
import time
import types
from typing import Any, ClassVar

import pytest
from made_up_models import basins, interpolation, langevin, network, ou, potential
from pydantic import model_validator

from langevin_sgd.config.errors import ConfigError
from langevin_sgd.config.fields import Number
from langevin_sgd.models import lineage
from langevin_sgd.models.finished import configured
from langevin_sgd.models.section import ModelSection
from langevin_sgd.study.config import Study
from langevin_sgd.study.loading import parse

MEASURED = {
    "ou": {"kind": "ornstein_uhlenbeck", "hessian": {"from": "m"}, "noise": {"from": "m"}},
    "rough": {"kind": "ornstein_uhlenbeck", "hessian": {"from": "m"}, "noise": {"kind": "isotropic", "from": "m"}},
}
DIAGONAL = {"kind": "diagonal", "variances": [0.5]}
PAIR = {"zip": {"sgd.learning_rate": [0.05, 0.1, 0.2], "sgd.batch_size": [1, 4, 16]}}


def scan_of(config: dict[str, Any], scan: dict[str, Any], **models: Any) -> Study:
    return parse({**config, "models": {**config["models"], **models}, "scan": scan})


STUDIES = {
    "of sgd": lambda: scan_of(network(steps=50), {"sgd.learning_rate": [0.05, 1], "sgd.batch_size": [8, 16]}),
    "of an sgd of its own": lambda: scan_of(
        network(), {"models.m.sgd.momentum": [0, 0.5], "models.m.sgd.learning_rate": [0.1, 0.2]}
    ),
    "of data": lambda: scan_of(network(), {"models.m.data.label_noise": [0.0, 0.1], "sgd.weight_decay": [0, 1]}),
    "of a measured model": lambda: scan_of(network(steps=300), {"sgd.batch_size": [8, 16], "seed": [3, 4]}, **MEASURED),
    "of a group": lambda: scan_of(ou(), {"pair": PAIR, "models.m.hessian.eigenvalues.1": [0.25, 0.5]}),
    "of a start": lambda: scan_of(langevin(), {"models.m.start.0": {"linear": [-1, 1, 5]}, "seed": [1, 2]}),
    "of a list": lambda: scan_of(langevin(noise=DIAGONAL, temperature=None), {"models.m.noise.variances.0": [0, 1]}),
    "of a family": lambda: scan_of(
        basins(potential={"kind": "sharp_flat", "curvature_ratio": 2.0, "depth_difference": 0.1, "barrier": 1.0}),
        {"models.m.potential.curvature_ratio": [2, 4.5], "models.m.temperature": {"random": [0.1, 2.0, 4]}},
    ),
    "of potentials": lambda: scan_of(potential(), {"models.m.alpha": {"sobol": [0.5, 1.5, 4]}}),
    "of a line": lambda: scan_of(interpolation(), {"models.m.learning_rate_per_sample": [0.01, 1]}),
}


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_every_point_is_the_study_validated_with_its_values(study) -> None:
    whole: Study = study()
    for name in whole.models:
        points = configured(whole, name)
        assert len(points) > 1
        for index in range(len(points)):
            values: dict[Any, Any] = {}
            for axis, entry in zip(points.axes, points.entries(index), strict=True):
                values |= axis.overrides(entry)
            exact = whole.changed(values)
            assert points.study(index) == exact
            assert repr(points.study(index)) == repr(exact)  # 1 is 1.0, and repr tells them apart
            model, sgd = points[index]
            assert model == exact.models[name]
            assert sgd == (lineage.sgd(exact, name) if model.takes_sgd() else None)


def test_nothing_worked_out_from_other_numbers_stays() -> None:
    """`landscape` of a basins model is kept once it is asked for; a copy with another number has its own."""
    family = {"kind": "sharp_flat", "curvature_ratio": 2.0, "depth_difference": 0.1, "barrier": 1.0}
    points = configured(scan_of(basins(potential=family), {"models.m.potential.barrier": [1.0, 2.0]}), "m")
    assert points[0][0].family != points[1][0].family


def test_parts_of_the_points_are_points() -> None:
    points = configured(STUDIES["of a group"](), "m")
    assert [sgd.batch_size for _, sgd in points] == [1, 1, 4, 4, 16, 16]
    assert [sgd.batch_size for _, sgd in points[1:5:2]] == [1, 4]
    assert [sgd.batch_size for _, sgd in points.only([4, 0])] == [16, 1]
    assert points[-1] == points[5]
    with pytest.raises(IndexError):
        points[6]


def test_a_million_points_are_told_at_once() -> None:
    """Loading takes no time a point (2 s for 10^6, of which most is the formula), nor does asking for one of them."""
    scan = {"sgd.learning_rate": {"linear": [0.01, 0.5, 1000]}, "models.m.temperature": {"geometric": [0.1, 1.0, 1000]}}
    before = time.process_time()
    points = configured(scan_of(langevin(), scan), "m")
    assert len(points) == 10**6
    assert points[-1][0].temperature == 1.0
    assert time.process_time() - before < 4


class Doubling(ModelSection):
    """A kind of the user's own that changes more of itself than the key that is scanned."""

    SCANNABLE = ("speed",)
    SGD_KEYS = ()
    DECLARES: ClassVar[Any] = {}
    speed: Number = 1.0
    twice: Number = 0.0

    @model_validator(mode="before")
    @classmethod
    def _doubled(cls, data: Any) -> Any:
        return {**data, "twice": 2 * data.get("speed", 1.0)}

    def emits(self) -> frozenset[str]:
        return frozenset()

    def run(self, points: Any, context: Any) -> Any:
        raise NotImplementedError


def test_a_kind_that_changes_more_of_itself_is_validated_at_every_point(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("doubling")
    module.Doubling = Doubling  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "doubling", module)
    own = {"name": "own", "seed": 1, "models": {"m": {"kind": "doubling:Doubling"}}}
    points = configured(parse({**own, "scan": {"models.m.speed": [1.0, 3.0]}}), "m")
    assert [model.twice for model, _ in points] == [2.0, 6.0]


@pytest.mark.parametrize("path", ["models.m.temperature", "models.m.start.0"])
def test_a_value_in_the_middle_of_a_long_axis_is_looked_at(path: str) -> None:
    values: list[Any] = [0.1 + 0.01 * i for i in range(101)]
    values[53] = "warm"
    with pytest.raises(ConfigError, match=f'scan.{path}: must be a number, got "warm"'):
        scan_of(langevin(), {path: values})
