"""The shared observables: a name is declared once, is emitted once, and says what it is."""

from types import SimpleNamespace

import pytest

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.models.network import run as network
from langevin_sgd.observables import declared as observables


def test_every_declared_observable_says_what_it_is() -> None:
    for name, declared in {**observables.VARIABLES, **observables.COORDINATES}.items():
        assert declared.long_name, name
        assert declared.units, name


def test_undeclared_names_and_wrong_shapes_are_refused() -> None:
    with pytest.raises(KeyError, match="entropy"):
        observables.dataset({"entropy": [1.0]}, coords={})
    with pytest.raises(ValueError, match="dimensions"):
        observables.dataset({"mode_variance": [[1.0]]}, coords={})


def test_a_name_emitted_twice_in_one_group_raises() -> None:
    with pytest.raises(ValueError, match=r"temperature, thermal_energy: emitted twice"):
        observables.dataset(
            {"thermal_energy": 1.0, "temperature": 2.0}, {"thermal_energy": 10.0, "temperature": 2.0}, coords={}
        )
    with pytest.raises(ValueError, match="time: emitted twice"):
        observables.joined({"time": [1.0]}, {"step": [1]}, {"time": [2.0]})
    assert observables.dataset({"thermal_energy": 1.0}, {"temperature": 2.0}, coords={}).sizes == {}


def test_a_name_declared_twice_raises() -> None:
    declared = observables._with_errors("spread", ("time",), "one thing")
    with pytest.raises(TypeError, match="multiple values for keyword argument 'spread_stderr'"):
        observables._declare(**declared, spread_stderr=observables.Variable((), "another"))
    assert not observables.VARIABLES.keys() & observables.COORDINATES.keys()


def test_a_model_may_declare_observables_and_coordinates_of_its_own() -> None:
    own = {
        "rank_of_layer": observables.Variable(("layer",), "rank of a layer", "1"),
        "layer": observables.Variable(("layer",), "layer"),
    }
    found = observables.dataset({"rank_of_layer": [0.5, 1.0]}, coords={"layer": [1, 2]}, declares=own)
    assert found.rank_of_layer.attrs == {"units": "1", "long_name": "rank of a layer"}
    assert list(found.coords) == ["layer"]
    with pytest.raises(ValueError, match="energy: declared twice"):
        observables.dataset({}, coords={}, declares={"energy": own["layer"]})


def test_a_probe_cannot_overwrite_what_is_recorded() -> None:
    """As one did with the thermal energy: the last word won."""

    def part(**values: float) -> SimpleNamespace:
        return SimpleNamespace(variables=lambda: values, coords=dict)

    training = SimpleNamespace(recorder=part(alignment=1.0), control=None, probes=[part(alignment=2.0)], record=[0, 1])
    model = SimpleNamespace(replicas=1, precision="float32", start="shared")
    with pytest.raises(ValueError, match="alignment: emitted twice"):
        network._dataset(model, Sgd(learning_rate=0.1, batch_size=2), training, None, device="cpu")
    training.probes = [part(noise_scale=2.0)]
    found = network._dataset(model, Sgd(learning_rate=0.1, batch_size=2), training, None, device="cpu")
    assert float(found.noise_scale) == 2.0
