"""Steps that the numbers of a state cannot hold are refused."""

from __future__ import annotations

import numpy as np
import pytest

from langevin_sgd.errors import IntegrationError
from langevin_sgd.integrators.integrate import integrate
from langevin_sgd.integrators.record import Record
from langevin_sgd.landscapes.expression import Expression
from langevin_sgd.noise import IsotropicNoise

FREE = Expression("0*x", ("x",))
SLOPE = Expression("-x", ("x",))
WELL = Expression("x**2/2", ("x",))
WARM, COLD = IsotropicNoise(1.0), IsotropicNoise(0.0)
RUN = dict(time_step=1e-6, steps=40, trajectories=100, backend="batched", device="cpu", seed=1)


@pytest.mark.parametrize(
    ("landscape", "noise", "more"),
    [
        # a step of 1e-3, and float32 numbers around 1e5 lie 2^-7 = 0.0078 apart
        (FREE, WARM, dict(start=[1e5], precision="float32")),
        (FREE, IsotropicNoise(1e-12), dict(start=[1.0], precision="float32")),
        (FREE, WARM, dict(start=[1.0], precision="float32", time_step=1e-16)),
        # 1e-3 and 2^-3: doubles around 1e15
        (FREE, WARM, dict(start=[1e15])),
        # without noise: a drift of 1e-6 a step is rounded away
        (SLOPE, COLD, dict(start=[1e5], precision="float32", steps=100_000, trajectories=1)),
        (SLOPE, IsotropicNoise(1e-12), dict(start=[1e5], precision="float32")),
        (FREE, WARM, dict(start=[1e5], precision="float32", scheme="heavy_ball", parameters={"momentum": 0.5})),
    ],
)
def test_steps_under_the_spacing_of_the_state_are_refused_before_they_are_made(landscape, noise, more):
    with pytest.raises(IntegrationError, match=r"a typical step of x is .* at step 0, .* rounded away; take") as caught:
        integrate(landscape, noise, **{**RUN, **more})
    assert "\n" not in str(caught.value)
    assert f"{np.spacing(np.float32(1e5)):.3g}" in str(caught.value) or more["start"] != [1e5]


def test_walkers_that_drift_off_are_seen_where_they_are():
    """At 0 float32 is fine enough; at 1e5, whither a slope of 1e11 takes them in one step of 1e-6, it is not."""
    run = dict(RUN, precision="float32", steps=1, start=[0.0])
    steep = Expression("-a*x", ("x",), {"a": 1e11})
    integrate(steep, WARM, **run)  # the next step is as long again
    ramp = Expression("-5e10*x*(1 - tanh(x - 10))", ("x",))
    with pytest.raises(IntegrationError, match=r"a typical step of x is 0\.00.* at step 1"):
        integrate(ramp, WARM, **run)


def test_what_is_lost_is_seen_with_force():
    """<dx^2> = T t = 4e-5 after 40 steps of 1e-6."""
    record = Record(steps=(40,), means=["squared_displacement"])
    right = integrate(FREE, WARM, **RUN, record=record).data["squared_displacement_mean"]
    assert float(right[0]) == pytest.approx(4e-5, rel=5 * np.sqrt(2 / 100))
    lost = integrate(FREE, WARM, **RUN, start=[1e5], precision="float32", record=record, force=True).data
    assert not 2e-5 < float(lost["squared_displacement_mean"][0]) < 8e-5
    integrate(FREE, WARM, **RUN, start=[1e5])  # doubles hold them


def test_one_point_of_a_scan_is_seen():
    landscape = Expression("0*x", ("x",))
    noise = IsotropicNoise("s", {"s": None})
    with pytest.raises(IntegrationError, match="rounded away"):
        integrate(landscape, noise, **RUN, start=[1.0], precision="float32", scan={"s": [1.0, 1.0, 1e-12]})


@pytest.mark.parametrize("precision", ["mixed", "float32"])
def test_rest_at_a_minimum_is_no_fault(precision):
    """Without noise steps die out: at the minimum, near it, and where nothing moves at all."""
    shifted = Expression("(x - 0.7)**2/2", ("x",))
    for landscape, start, rest in ((shifted, 0.7, 0.7), (shifted, 3.0, 0.7), (FREE, 1e5, 1e5), (WELL, 1e-30, 0.0)):
        run = integrate(landscape, COLD, **{**RUN, "time_step": 0.1, "steps": 2000, "trajectories": 2}, start=[start],
                        precision=precision)  # fmt: skip
        assert run.state.vectors["position"] == pytest.approx(rest, rel=1e-5, abs=1e-29)
