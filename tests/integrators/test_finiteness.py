"""What is recorded is a number, or the run ends and says which quantity, at which step and in how many walkers.

The GPU kernels do the same under the simulator: `gpu_simulation.py`.
"""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch

from langevin_sgd.errors import IntegrationError
from langevin_sgd.integrators.divergence import Diverged, NotFinite
from langevin_sgd.integrators.integrate import integrate
from langevin_sgd.integrators.record import Record
from langevin_sgd.landscapes.expression import Expression
from langevin_sgd.landscapes.torch_callable import TorchCallable
from langevin_sgd.noise import IsotropicNoise, PositionDependentNoise

BACKENDS = ["fused", "batched", "reference"]
HALF_LINE = Expression("x**2/2 - log(x)", ("x",))
FREE = Expression("0*x", ("x",))
WARM = IsotropicNoise(1.0)
RUN = dict(time_step=0.05, steps=40, trajectories=64, start=[1.0], seed=3, device="cpu")


def positions(landscape, noise, **run):
    """x (step, walker) of the same walkers, recorded at every step and alone: that never fails here."""
    record = Record(steps=range(41), each=["x"])
    data = integrate(landscape, noise, record=record, backend="batched", **{**RUN, **run}).data
    return data["x"].transpose("time", "replica").values


# log(log(log(log of the largest double)))): four exponentials overflow above it
FAR = np.log(np.log(np.log(np.log(np.finfo(float).max))))


@pytest.mark.parametrize(
    ("landscape", "record", "what", "bad", "backends"),
    [
        (HALF_LINE, dict(means=["energy"]), "energy", lambda x: x < 0, BACKENDS),
        (HALF_LINE, dict(each=["energy"]), "energy", lambda x: x < 0, BACKENDS),
        (HALF_LINE, dict(histograms={"energy": (0.0, 3.0, 5)}), "energy", lambda x: x < 0, BACKENDS),
        (HALF_LINE, dict(basins={"low": "log(x) < 0", "high": "x >= 1"}), "basin 'low' compares", lambda x: x < 0,
         BACKENDS),
        (FREE, dict(basins={"a": "x > 2", "b": "not sqrt(1 - x**2) < 0.5"}), "basin 'b' compares",
         lambda x: (x <= 2) & (np.abs(x) > 1), BACKENDS[1:]),
        (FREE, dict(means=["root"], formulas={"root": "sqrt(x)"}), "root", lambda x: x < 0, BACKENDS[1:]),
        (FREE, dict(means=["far"], formulas={"far": "exp(exp(exp(exp(x))))"}), "far", lambda x: x > FAR, BACKENDS[1:]),
    ],
)  # fmt: skip
def test_a_recorded_quantity_that_is_no_number_ends_the_run(landscape, record, what, bad, backends):
    """The walkers that leave are counted by hand from their positions, at the first recorded step that has any."""
    x = positions(landscape, WARM)
    assert np.isfinite(x).all()
    steps = (5, 20, 40)
    first = next(step for step in steps if bad(x[step]).any())
    here = np.flatnonzero(bad(x[first]))
    share = f"is not finite in {here.size} of 64 trajectories ({100 * here.size / 64:.3g}%)"
    for backend in backends:
        with pytest.raises(NotFinite) as caught:
            integrate(landscape, WARM, record=Record(steps=steps, **record), backend=backend, **RUN)
        error = caught.value
        assert (error.step, what in error.quantity) == (first, True)
        assert share in str(error)
        assert f"the first is number {here[0]};" in str(error)
        assert "\n" not in str(error)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_mean_beyond_the_largest_number_is_told(backend):
    """Energies up to 1e200: each is a double, the square of their spread is none."""
    cold = IsotropicNoise(0.0)
    record = Record(steps=(5,), means=["energy"])
    with pytest.raises(NotFinite, match="diverged at step 5: the mean or the variance of energy is not finite"):
        integrate(
            HALF_LINE, cold, record=record, backend=backend, **{**RUN, "start": [[1.0, 1e100]], "trajectories": 2}
        )


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_first_passage_that_cannot_be_told_ends_the_run(backend):
    """At every step, recorded or not; a walker that arrived before may go where it likes."""
    x = positions(HALF_LINE, WARM)
    arrived, lost = x > 4.0, x < 0.0
    first = int(np.flatnonzero((lost & ~np.logical_or.accumulate(arrived)).any(axis=1))[0])
    here = np.flatnonzero(lost[first] & ~arrived[:first].any(axis=0))
    with pytest.raises(NotFinite, match="what the first-passage condition compares") as caught:
        integrate(HALF_LINE, WARM, record=Record(first_passage="sqrt(x) > 2"), backend=backend, **RUN)
    assert caught.value.step == first
    assert f"in {here.size} of 64 trajectories" in str(caught.value)


@pytest.mark.parametrize("backend", BACKENDS[1:])
def test_a_condition_that_guards_its_domain_is_decided(backend):
    """False and unknown is false, true or unknown is true: `x > 0 and log(x) > 0` has an answer everywhere."""
    x = positions(FREE, WARM)
    guarded = Record(
        steps=(40,),
        basins={"high": "x > 0 and log(x) > 0", "rest": "x <= 0 or log(x) <= 0"},
        first_passage="x > 0 and sqrt(x) > sqrt(2)",
    )
    data = integrate(FREE, WARM, record=guarded, backend=backend, **RUN).data
    assert (x[40] < 0).any()
    assert data["occupancy"].values[:, 0].tolist() == [np.mean(x[40] > 1), np.mean(x[40] <= 1)]
    hit = x > 2.0
    assert data["escape_step"].values.tolist() == np.where(hit.any(axis=0), hit.argmax(axis=0), -1).tolist()


@pytest.mark.parametrize("backend", BACKENDS[1:])
def test_positions_that_are_no_numbers_are_told_before_what_is_recorded_of_them(backend):
    """sqrt(x) in the noise: the walker's next position is NaN, and so is its energy."""
    noise = PositionDependentNoise("sqrt(x)")
    with pytest.raises(Diverged, match="no longer finite, the first is number") as caught, np.errstate(all="ignore"):
        integrate(FREE, noise, record=Record(steps=range(0, 41, 4), means=["x"]), backend=backend, **RUN)
    assert not isinstance(caught.value, NotFinite)
    assert caught.value.step % 4 == 0
    assert caught.value.step < 40


@pytest.mark.parametrize("backend", BACKENDS[1:])
@pytest.mark.parametrize(
    ("landscape", "noise", "record", "match"),
    [
        (Expression("1/x", ("x",)), WARM, {}, "the drift is not finite at the start"),
        (Expression("1/x", ("x",)), WARM, dict(each=["energy"]), "the drift is not finite at the start"),
        (FREE, PositionDependentNoise("sin(x)/x"), {}, "the noise is not finite at the start"),
        (FREE, WARM, dict(means=["q"], formulas={"q": "1/x"}), "q is not finite at the start .* 64 of 64"),
    ],
)
def test_what_is_no_number_at_the_start_is_the_users_to_mend(backend, landscape, noise, record, match):
    kwargs = {**RUN, "start": [0.0], "steps": 3, "record": Record(steps=(0, 1), **record), "backend": backend}
    with pytest.raises(IntegrationError, match=match), np.errstate(all="ignore"):
        integrate(landscape, noise, **kwargs)


def test_a_callable_landscape_is_checked_too():
    """acos beyond 1: the gradient is given by hand and finite, the energy is not."""

    class Cap(TorchCallable):
        def gradient_at(self, position):
            return 0.0 * position

    landscape = Cap(lambda w: torch.acos(w[0]), 1)
    x = positions(FREE, WARM, start=[0.0])
    here = np.flatnonzero(np.abs(x[20]) > 1)
    with pytest.raises(NotFinite, match=f"at step 20: energy is not finite in {here.size} of 64"):
        integrate(landscape, WARM, record=Record(steps=(20,), means=["energy"]), **{**RUN, "start": [0.0]})


def test_the_point_of_a_scan_is_named():
    """The minimum lies at sqrt(-a): at 3 no walker comes near the edge of the domain."""
    landscape = Expression("x**2/2 + a*log(x)", ("x",), {"a": None})
    record = Record(steps=(40,), means=["energy"])
    with pytest.raises(NotFinite, match=r"the first is number \d+ at a -1;"):
        integrate(
            landscape, WARM, scan={"a": [-9.0, -1.0]}, record=record, backend="batched", **{**RUN, "trajectories": 400}
        )


def test_it_survives_a_trip_to_another_process():
    sent = NotFinite(5, "energy", "in 1 of 2", model="well")
    received = pickle.loads(pickle.dumps(sent))
    assert (received.step, received.quantity, received.model) == (5, "energy", "well")
    assert str(received) == str(sent) == "well diverged at step 5: energy is not finite in 1 of 2"
