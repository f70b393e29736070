"""No name of the user's replaces an output of `integrate`."""

from __future__ import annotations

import pytest

from langevin_sgd.errors import IntegrationError, UserError
from langevin_sgd.integrators import emitted_names
from langevin_sgd.integrators.integrate import integrate
from langevin_sgd.integrators.record import Record
from langevin_sgd.landscapes.expression import Expression
from langevin_sgd.landscapes.torch_callable import TorchCallable
from langevin_sgd.noise import IsotropicNoise

WELL = Expression("k*x**2/2", ("x",), {"k": 1.0})
WARM = IsotropicNoise(0.2)
RUN = dict(time_step=0.05, steps=4, trajectories=3)
WHOLE = Record(
    steps=(0, 2, 4),
    each=("energy", "x", "twice"),
    means=("squared_displacement", "x"),
    histograms={"x": (-1.0, 1.0, 4)},
    basins={"left": "x < 0", "right": "x >= 0"},
    first_passage="x > 0.1",
    formulas={"twice": "2*x"},
)


def names_of(data):
    return {*map(str, data.variables), *map(str, data.dims)}


@pytest.mark.parametrize("scan", [None, {"k": [1.0, 2.0]}, [{"k": 1.0}, {"k": 2.0}]])
def test_the_declared_names_are_those_of_the_result(scan):
    data = integrate(WELL, WARM, record=WHOLE, scan=scan, backend="batched", device="cpu", **RUN).data
    scanned = () if scan is None else ("k",) if isinstance(scan, dict) else ("point",)
    declared = [name for name, _ in emitted_names.emitted(WHOLE, scanned)]
    assert len(declared) == len(set(declared))
    assert names_of(data) == set(declared)
    fixed = set(declared) - {"k", "x", "twice", "left", "right"}
    derived = {name for name in fixed if name.startswith(("x_", "squared_displacement_"))}
    assert fixed - derived <= set(emitted_names.RESERVED)


@pytest.mark.parametrize("name", sorted(emitted_names.RESERVED))
def test_a_parameter_or_a_coordinate_with_the_name_of_an_output_is_refused(name):
    """Scanned, fixed, of the landscape or of the noise: all are refused before a step is made."""
    of_landscape = Expression(f"{name}*x**2/2", ("x",), {name: 1.0})
    of_noise = IsotropicNoise(name, {name: 0.2})
    for landscape, noise, more in (
        (of_landscape, WARM, dict(scan={name: [1.0, 2.0]})),
        (of_landscape, WARM, dict(scan=[{name: 1.0}, {name: 2.0}])),
        (of_landscape, WARM, {}),
        (WELL, of_noise, dict(scan={name: [0.1, 0.2]})),
        (Expression(f"{name}**2/2", (name,)), WARM, dict(record=Record(steps=[4], each=[name]))),
        (Expression(f"{name}**2 + x**2", ("x", name)), WARM, {}),
    ):
        with pytest.raises(IntegrationError, match=f"{name!r} has the name of an output .*rename it") as caught:
            integrate(landscape, noise, **RUN, **more)
        assert "\n" not in str(caught.value)


def test_names_made_from_recorded_ones_are_kept_apart():
    """<quantity>_mean, _stderr, _histogram, _outside and _bin are made of names that the user chose."""
    for suffix, record in (
        ("mean", dict(means=["x"])),
        ("stderr", dict(means=["x"])),
        ("histogram", dict(histograms={"x": (-1, 1, 2)})),
        ("outside", dict(histograms={"x": (-1, 1, 2)})),
        ("bin", dict(histograms={"x": (-1, 1, 2)})),
    ):
        other = f"x_{suffix}"
        plane = Expression(f"x**2 + {other}**2", ("x", other))
        with pytest.raises(IntegrationError, match=f"would hold '{other}' twice"):
            integrate(plane, WARM, record=Record(steps=[4], each=[other], **record), **RUN)
        scanned = Expression(f"{other}*x**2", ("x",), {other: None})
        with pytest.raises(IntegrationError, match=f"would hold '{other}' twice"):
            integrate(scanned, WARM, record=Record(steps=[4], **record), scan={other: [1.0, 2.0]}, **RUN)
        formula = Record(steps=[4], each=[other], formulas={other: "x"}, **record)
        with pytest.raises(IntegrationError, match=f"would hold '{other}' twice"):
            integrate(WELL, WARM, record=formula, **RUN)


@pytest.mark.parametrize(
    ("record", "match"),
    [
        (dict(means=["x", "x"]), "would hold 'x_mean' twice"),
        (dict(each=["energy", "energy"]), "would hold 'energy' twice"),
        (dict(each=["time"], formulas={"time": "x"}), "the recorded formula 'time' has the name of an output"),
        (dict(each=["occupancy"], formulas={"occupancy": "x"}), "'occupancy' has the name of an output"),
        (dict(each=["k"], formulas={"k": "x"}), "would hold 'k' twice"),
    ],
)
def test_a_quantity_recorded_twice_or_named_like_an_axis_is_refused(record, match):
    with pytest.raises(IntegrationError, match=match):
        integrate(WELL, WARM, record=Record(steps=[4], **record), scan={"k": [1.0, 2.0]}, **RUN)


@pytest.mark.parametrize("label", [1, None, "", " left"])
def test_a_basin_without_a_name_is_refused(label):
    """1 and '1' would be one label on the axis of basins."""
    with pytest.raises(UserError, match="has no name; use text"):
        Record(steps=[4], basins={"1": "x > 0", label: "x < 0"})


def test_a_callable_landscape_with_such_names_is_refused_too():
    class Named(TorchCallable):
        @property
        def variables(self):
            return ("energy",)

    with pytest.raises(IntegrationError, match="the coordinate 'energy' has the name of an output"):
        integrate(Named(lambda w: (w**2).sum(), 1), WARM, **RUN)
