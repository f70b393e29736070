"""Walkers on tabulated potentials: every step by hand, the law at rest, bits, and what is refused, on every backend."""

from __future__ import annotations

import numpy as np
import pytest

from langevin_sgd.errors import UserError
from langevin_sgd.integrators import fused_cpu
from langevin_sgd.integrators.generate import lane_program
from langevin_sgd.integrators.integrate import integrate
from langevin_sgd.integrators.record import Record
from langevin_sgd.integrators.scan_points import trajectory_numbers
from langevin_sgd.integrators.schemes import SchemeError, scheme
from langevin_sgd.integrators.state import State
from langevin_sgd.landscapes.tabulated import Tabulated
from langevin_sgd.noise import IsotropicNoise
from langevin_sgd.random_numbers.increments import increments

BACKENDS = [{"backend": "fused"}, {"backend": "batched"}, {"backend": "fused", "precision": "float32"}]
TABLE = Tabulated(np.random.default_rng(5).normal(size=(4, 6)), spacing=0.5, first_site=-1.0)
WARM = IsotropicNoise(0.7)
H, STEPS, SEED, WALKERS = 0.02, 60, (1 << 40) + 3, 8
RECORD = Record(
    steps=(0, 7, STEPS), each=("x",), means=("x", "squared_displacement"), first_passage="x > right_end - 0.3"
)
SCAN = {"disorder": np.arange(4)}


def by_hand(start: float, *, slope=lambda x, row: TABLE.gradient_at(x[None], disorder=row)[0], temperature=0.7):
    """(disorder, walker, step): Euler-Maruyama and a mirror at each end, typed in again on purpose."""
    numbers, rows = trajectory_numbers(range(4), WALKERS), np.repeat(np.arange(4), WALKERS)
    xi = increments("gaussian", SEED, trajectories=numbers, first=0, steps=STEPS, count=1)[:, :, 0]
    path = [np.full(rows.size, start)]
    low, high = TABLE.ends
    for kick in xi:
        x = path[-1] - H * slope(path[-1], rows) + np.sqrt(temperature * H) * kick
        x = np.where(x > high, 2 * high - x, x)
        path.append(np.where(x < low, 2 * low - x, x))
    return np.stack(path, axis=-1).reshape(4, WALKERS, -1)


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_step_is_the_one_by_hand_in_every_disorder_and_at_the_ends(backend):
    run = integrate(
        TABLE, WARM, time_step=H, steps=STEPS, trajectories=WALKERS, scan=SCAN, seed=SEED, start=[0.1], record=RECORD,
        device="cpu", **backend,
    ).data  # fmt: skip
    path = by_hand(0.1)
    tolerance = 1e-4 if "precision" in backend else 5e-6  # float32 normals, summed
    np.testing.assert_allclose(run.x, path[:, :, [0, 7, STEPS]], rtol=0, atol=tolerance)
    np.testing.assert_allclose(run.x_mean, path[:, :, [0, 7, STEPS]].mean(1), rtol=0, atol=tolerance)
    squared = ((path - 0.1) ** 2)[:, :, [0, 7, STEPS]].mean(1)
    np.testing.assert_allclose(run.squared_displacement_mean, squared, rtol=0, atol=3 * tolerance)
    inside = path[..., 1:] > TABLE.ends[1] - 0.3
    first = np.where(inside.any(-1), inside.argmax(-1) + 1, -1)
    np.testing.assert_array_equal(run.escape_step, first)
    mirrored = np.abs(np.diff(path, axis=-1)).max() < 2 and (path < -0.9).any() and (path > 1.4).any()
    assert mirrored  # the ends were met


def test_the_comparison_by_hand_sees_planted_errors():
    path = by_hand(0.1)
    for planted in (
        by_hand(0.1, slope=lambda x, row: -TABLE.gradient_at(x[None], disorder=row)[0]),
        by_hand(0.1, slope=lambda x, row: TABLE.gradient_at(np.clip(x + 0.25, -1, 1.5)[None], disorder=row)[0]),
        by_hand(0.1, slope=lambda x, row: TABLE.gradient_at(x[None], disorder=(row + 1) % 4)[0]),
        by_hand(0.1, temperature=0.35),
    ):
        assert np.abs(planted - path).max() > 0.05


@pytest.mark.parametrize("backend", BACKENDS[:2])
def test_nothing_is_looked_up_off_the_table(backend):
    """Kicks of many boxes and drifts to infinity: one mirror is not enough, and the places are held inside."""
    hot = integrate(
        TABLE,
        IsotropicNoise(1e8),
        time_step=H,
        steps=50,
        trajectories=WALKERS,
        scan=SCAN,
        seed=SEED,
        device="cpu",
        **backend,
    )
    assert np.isfinite(hot.state.vectors["position"]).all()
    assert np.abs(hot.state.vectors["position"]).max() > 1000
    steep = Tabulated([[0.0, 1e308, -1e307]])
    with pytest.raises(ArithmeticError, match="no longer finite"):
        integrate(steep, WARM, time_step=10.0, steps=50, trajectories=3, device="cpu", **backend)


@pytest.mark.parametrize(("temperature", "expected"), [(0.7, True), (0.7 * 1.12, False)])
def test_walkers_come_to_rest_in_boltzmanns_law_between_reflecting_ends(temperature, expected):
    """Share of the walkers in every cell within 4 standard errors of exp(-V/theta); 12% too hot is seen.

    Eight of the longest relaxation times; the step is worth f^2 dt/(4 theta), below 1% of a weight.
    """
    n, table = 40_000, Tabulated(TABLE.potential / 2, spacing=0.5, first_site=-1.0)
    run = integrate(
        table, IsotropicNoise(temperature), time_step=2e-3, steps=8000, trajectories=n, scan={"disorder": [2]}, seed=1,
        record=Record(steps=(8000,), histograms={"x": (*TABLE.ends, 5)}),
    ).data  # fmt: skip
    fine = np.linspace(*TABLE.ends, 5 * 1000 + 1)
    weight = np.exp(-table.energy_at(((fine[1:] + fine[:-1]) / 2)[None], disorder=2) / 0.35).reshape(5, 1000).sum(1)
    share = weight / weight.sum()
    error = np.sqrt(share * (1 - share) / n)
    counted = run.x_histogram.values[0, 0] / n
    assert run.x_outside.sum() == 0
    assert (np.abs(counted - share) < 4 * error).all() == expected, (counted - share) / error


def test_bits_depend_on_no_thread_launch_stop_or_other_disorder(monkeypatch):
    kwargs = dict(time_step=H, trajectories=700, seed=SEED, record=RECORD)
    whole = integrate(TABLE, WARM, steps=STEPS, scan=SCAN, threads=1, **kwargs)
    assert whole.data.identical(integrate(TABLE, WARM, steps=STEPS, scan=SCAN, threads=2, **kwargs).data)
    monkeypatch.setattr(fused_cpu, "_LAUNCH", 9000)
    launches = []
    cut = integrate(TABLE, WARM, steps=STEPS, scan=SCAN, threads=2, after_launch=launches.append, **kwargs)
    assert len(launches) == 20
    assert whole.data.identical(cut.data)
    state = None
    for steps in (1, 2, 30, 27):
        state = integrate(TABLE, WARM, steps=steps, scan=SCAN, state=state, until=STEPS, **kwargs).state
        state = State.from_arrays(state.arrays())
    assert np.array_equal(state.vectors["position"], whole.state.vectors["position"])
    alone = Tabulated(TABLE.potential[2:3], spacing=0.5, first_site=-1.0)
    numbers = trajectory_numbers([2], 700)
    begin = State(0, {"position": np.zeros((1, 700))}, np.zeros((1, 700)), numbers, np.full(700, -1))
    single = integrate(alone, WARM, steps=STEPS, state=begin, **kwargs)
    assert np.array_equal(single.state.vectors["position"][0], whole.state.vectors["position"][0, 1400:2100])


def test_disorder_and_temperature_are_scanned_together():
    """A coefficient that differs between trajectories is a row of the block, beside the slopes."""
    both = integrate(
        TABLE, WARM, time_step=H, steps=STEPS, trajectories=WALKERS, seed=SEED, start=[0.1],
        scan=[{"disorder": 2, "temperature": 0.7}, {"disorder": 3, "temperature": 0.35}],
    )  # fmt: skip
    ends = both.state.vectors["position"].reshape(2, WALKERS)
    numbers = trajectory_numbers(range(2), WALKERS)
    for row, (disorder, temperature) in enumerate([(2, 0.7), (3, 0.35)]):
        alone = integrate(
            TABLE, IsotropicNoise(temperature), time_step=H, steps=STEPS, trajectories=WALKERS, seed=SEED,
            parameters={"disorder": disorder},
            state=State(
                0, {"position": np.full((1, WALKERS), 0.1)}, np.full((1, WALKERS), 0.1),
                numbers[row * WALKERS : (row + 1) * WALKERS], np.full(WALKERS, -1),
            ),
        )  # fmt: skip
        np.testing.assert_allclose(ends[row], alone.state.vectors["position"][0], rtol=0, atol=1e-12)


def test_a_scheme_that_looks_ahead_has_no_program_on_a_table():
    with pytest.raises(SchemeError, match="stratonovich_heun takes the force ahead of the position"):
        lane_program(TABLE, WARM, scheme("stratonovich_heun"))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"scheme": "sra1"}, "sra1 needs a force without steps.*use euler_maruyama"),
        ({"scheme": "heavy_ball", "parameters": {"momentum": 0.9}}, "heavy_ball needs a force without steps"),
        ({"scheme": "exact"}, "exact needs a force without steps"),
        ({"increments": "two_point"}, "two_point increments are wrong for crossing barriers"),
        ({"backend": "reference"}, "needs a landscape given by a formula; use backend='batched'"),
        ({"start": [1.6]}, r"a walker starts at 1.6, off the table from -1 to 1.5; start inside"),
        ({"scan": {"disorder": [4]}}, "disorder is a row, a whole number from 0 to 3, not 4"),
        ({"parameters": {"disorder": 0.5}}, "not 0.5"),
        ({"parameters": {"spacing": 2.0}}, "unknown parameter 'spacing'"),
        ({"record": Record(steps=(1,), means=("energy",))}, "unknown quantity 'energy' to record"),
        ({"noise": IsotropicNoise("spacing", {"spacing": 1.0})}, "'spacing' belongs to the table.*rename one"),
    ],
)
def test_what_does_not_fit_a_table_is_refused_in_one_line(more, message):
    given = {"noise": WARM, "time_step": H, "steps": 1, **more}
    with pytest.raises(UserError, match=message) as caught:
        integrate(TABLE, **given)
    assert "\n" not in str(caught.value)
