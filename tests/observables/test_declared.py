"""The shared observables: a name is declared once, is emitted once, and says what it is."""

from typing import ClassVar

import pytest

from langevin_sgd import models
from langevin_sgd.errors import UserError
from langevin_sgd.families import Family, subclass_of
from langevin_sgd.models import declared
from langevin_sgd.models.section import ModelSection
from langevin_sgd.observables.declared import dataset
from langevin_sgd.observables.ensemble import ENSEMBLE
from langevin_sgd.observables.modes import MODES
from langevin_sgd.observables.variable import Coordinate, Declarations, Variable, declare, joined, merged, with_errors


def test_every_declared_observable_says_what_it_is() -> None:
    for name, variable in declared().items():
        assert variable.long_name, name
        assert variable.units, name


def test_undeclared_names_and_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="order is not a declared observable; a kind's own stand in its DECLARES"):
        dataset({"order": [1.0]}, coords={})
    with pytest.raises(ValueError, match=r"thermal_enrgy is not a declared observable; did you mean thermal_energy\?"):
        dataset({"thermal_enrgy": 1.0}, coords={})
    with pytest.raises(ValueError, match=r"mode_variance has 2 dimensions, and is declared with 1 \(mode\)"):
        dataset({"mode_variance": [[1.0]]}, coords={}, declares=MODES)
    with pytest.raises(ValueError, match="mode_variance is not a declared observable"):  # of kinds that have modes
        dataset({"mode_variance": [1.0]}, coords={})
    with pytest.raises(ValueError, match="replica is declared as a coordinate; emit it so"):
        dataset({"replica": [1]}, coords={})
    with pytest.raises(ValueError, match="energy is declared as an observable; emit it so"):
        dataset({}, coords={"energy": [[1.0]]})


def test_a_name_emitted_twice_in_one_group_raises() -> None:
    with pytest.raises(ValueError, match=r"temperature, thermal_energy: emitted twice"):
        dataset({"thermal_energy": 1.0, "temperature": 2.0}, {"thermal_energy": 10.0, "temperature": 2.0}, coords={})
    with pytest.raises(ValueError, match="time: emitted twice"):
        joined({"time": [1.0]}, {"step": [1]}, {"time": [2.0]})
    assert dataset({"thermal_energy": 1.0}, {"temperature": 2.0}, coords={}).sizes == {}


def test_a_name_declared_twice_raises() -> None:
    spread = with_errors("spread", ("time",), "one thing")
    with pytest.raises(TypeError, match="multiple values for keyword argument 'spread_stderr'"):
        declare(**spread, spread_stderr=Variable((), "another"))
    assert dataset({"energy": [[1.0]]}, coords={}, declares={"energy": ENSEMBLE["energy"]}).sizes["time"] == 1
    with pytest.raises(ValueError, match="energy: declared twice and differently"):
        dataset({"energy": [[1.0]]}, coords={}, declares={"energy": Variable(("replica", "time"), "heat")})
    with pytest.raises(ValueError, match=r"time: declared twice and differently, as coordinate .* and as variable"):
        merged(ENSEMBLE, {"time": Variable(("time",), "time")})


class _Hot(ModelSection):
    DECLARES: ClassVar[Declarations] = {"mode_variance": Variable(("mode",), "something else")}


def test_two_kinds_that_declare_a_name_differently_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = {
        "network": "langevin_sgd.models.network.config:NetworkModel",
        "ours": "langevin_sgd.models.ornstein_uhlenbeck.config:OrnsteinUhlenbeckModel",
        "hot": f"{__name__}:_Hot",
    }
    family: Family[type[ModelSection]] = Family(
        "model kind", kinds, group="langevin_sgd.tests", is_member=subclass_of(ModelSection), needed="a model"
    )
    monkeypatch.setattr(models, "MODELS", family)
    with pytest.raises(UserError, match=r"^hot: mode_variance: declared twice and differently") as raised:
        declared()
    assert "\n" not in str(raised.value)


def test_a_model_may_declare_observables_and_coordinates_of_its_own() -> None:
    own = {
        "rank_of_layer": Variable(("layer",), "rank of a layer", "1"),
        "layer": Coordinate(("layer",), "layer"),
    }
    found = dataset({"rank_of_layer": [0.5, 1.0]}, coords={"layer": [1, 2]}, declares=own)
    assert found.rank_of_layer.attrs == {"units": "1", "long_name": "rank of a layer"}
    assert list(found.coords) == ["layer"]
    with pytest.raises(ValueError, match="energy: declared twice"):
        dataset({}, coords={}, declares={"energy": own["layer"]})


def test_a_probe_cannot_overwrite_what_is_recorded() -> None:
    """As one did with the thermal energy: the last word won."""
    with pytest.raises(ValueError, match="alignment: emitted twice"):
        dataset({"alignment": 1.0}, {"alignment": 2.0}, coords={}, declares=MODES)
    assert float(dataset({"alignment": 1.0}, {"noise_scale": 2.0}, coords={}, declares=MODES).noise_scale) == 2.0
