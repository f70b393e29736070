"""The rows of one model: coverage, every verdict, planted errors and unfit windows."""

from __future__ import annotations

import math

import numpy as np
import pytest

from langevin_sgd.checks.equilibrium.point import equilibrium
from langevin_sgd.checks.modes import eigenvalue_bins
from langevin_sgd.checks.stationary_window import StationaryWindow, sampling_quality
from langevin_sgd.checks.verdicts.statistics import Verdict
from langevin_sgd.config.sgd import Sgd
from langevin_sgd.estimators.squared_mean import squared_mean
from langevin_sgd.laws.linear_process import LinearProcess

CRITERIA = {
    "model": "ou",
    "tolerance": 0.05,
    "bin_tolerance": 0.05,
    "energy_bound": 0.05,
    "confidence": 0.95,
    "bins": 8,
    "contrasts": True,
    "seed": 1,
}


def rows_of(dataset, **changes):
    return equilibrium(dataset, **{**CRITERIA, **changes})


def find(rows, quantity, law="discrete"):
    (row,) = [row for row in rows if row.quantity.split("[")[0] == quantity and row.law == law]
    return row


def test_a_true_law_with_enough_data_agrees_in_every_row(make_stationary):
    rows = rows_of(make_stationary(seed=1, replicas=256, samples=400))
    laws = [row for row in rows if row.role == "law"]
    assert {row.quantity.split("[")[0] for row in laws} == {
        "total_variance",
        "mode_variance",
        "mean_shift",
        "effective_temperature",
        "energy_distribution",
    }
    assert [row.title for row in laws if row.verdict is not Verdict.AGREES] == []
    assert all("effective samples" in row.reason for row in laws)


def test_numbers_of_the_rows(make_stationary, make_quadratic):
    dataset = make_stationary(seed=2)
    rows = rows_of(dataset)
    quadratic = make_quadratic()
    total = find(rows, "total_variance")
    assert total.measured == pytest.approx(float(dataset["mode_variance"].sum()))
    assert total.predicted == pytest.approx(quadratic.discrete().sum())
    assert total.ratio == pytest.approx(total.measured / total.predicted)
    assert total.ratio_low < total.ratio < total.ratio_high
    temperature = find(rows, "effective_temperature")
    assert temperature.measured == pytest.approx(4 * float(dataset["stationary_energy"].mean()) / 6)
    assert temperature.predicted == pytest.approx(2 * (np.array(quadratic.rates) @ quadratic.discrete()) / 6)
    isotropic = find(rows, "effective_temperature", "isotropic")
    assert isotropic.predicted == pytest.approx(0.5 * np.mean(quadratic.noise) / 4)  # T = eta sigma^2/B


@pytest.mark.validate
@pytest.mark.parametrize("studies", [300])
def test_intervals_cover_and_errors_are_honest(make_stationary, studies):
    """Studies with correlated frames and few replicas: each 95% interval covers 1, within 4 standard errors."""
    covered = dict.fromkeys(["total_variance", "effective_temperature"], 0)
    flattest = 0
    for seed in range(studies):
        rows = rows_of(make_stationary(seed=seed, replicas=12, samples=60, gap=20), contrasts=False)
        for quantity in covered:
            row = find(rows, quantity)
            covered[quantity] += row.ratio_low <= 1 <= row.ratio_high
        last = [row for row in rows if row.quantity.startswith("mode_variance")][-1]
        flattest += last.ratio_low <= 1 <= last.ratio_high
    for count in (*covered.values(), flattest):
        assert abs(count / studies - 0.95) < 4 * math.sqrt(0.05 * 0.95 / studies)


def test_what_runs_beside_takes_its_part_out_of_variance_mean_and_energy(make_stationary):
    """The process itself as what runs beside, all of whose fluctuations are known: nothing is left but the law."""
    dataset = make_stationary()
    law = dataset["mode_variance_law"].sel(law="discrete").values
    moments = {f"frozen_moment_{n}": (("replica", "mode"), dataset[f"mode_moment_{n}"].values) for n in (1, 2)}
    rows = rows_of(dataset.assign(**moments, frozen_variance=("mode", law)))
    for quantity in ("total_variance", "effective_temperature"):
        row = find(rows, quantity)
        assert row.ratio == pytest.approx(1.0, rel=1e-9)
        assert row.standard_error < 1e-9 * row.measured
        assert row.verdict == "agrees"
    assert find(rows, "mean_shift").ratio == pytest.approx(0.0, abs=1e-12)
    assert "of what it is without" in find(rows, "total_variance").reason
    assert "of what it is without" not in find(rows_of(dataset), "total_variance").reason


@pytest.mark.validate
@pytest.mark.parametrize("studies", [30, pytest.param(200, marks=pytest.mark.validate)])
def test_shift_of_the_mean_is_measured_without_its_noise(make_stationary, studies):
    shift = 0.3
    covered = 0
    squares = []
    for seed in range(studies):
        row = find(rows_of(make_stationary(seed=seed, shift=shift, replicas=16), contrasts=False), "mean_shift")
        covered += row.ratio_low <= shift**2 <= row.ratio_high
        squares.append(row.measured)
    assert covered / studies > 0.95 - 4 * math.sqrt(0.05 * 0.95 / studies)
    assert np.mean(squares) == pytest.approx(shift**2, abs=4 * np.std(squares) / math.sqrt(studies))


@pytest.mark.parametrize("modes", [1, 6])
def test_a_shift_of_nothing_has_an_interval_that_holds_nothing(make_stationary, make_quadratic, modes):
    """100 studies of 16 replicas without a shift: the interval misses 0 in 2.5%, with four standard errors on top.

    With one mode a jackknife of the square would miss it in 13%.
    """
    quadratic = make_quadratic(rates=(0.5,) * modes, noise=(1.0,) * modes)
    missed = 0
    for seed in range(100):
        window = StationaryWindow.from_dataset(make_stationary(quadratic, seed=seed, replicas=16, samples=12, gap=20))
        low, high = squared_mean(window.moment_1).interval(0.95)
        missed += low > 0.0
        assert high > 0.0 or low == 0.0
    assert missed / 100 < 0.025 + 4 * math.sqrt(0.025 * 0.975 / 100)


@pytest.mark.parametrize(("shift", "verdict"), [(0.1, Verdict.AGREES), (0.35, Verdict.DISAGREES)])
def test_a_shift_is_held_against_the_tolerance_of_the_mean_square(make_stationary, shift, verdict):
    """It adds shift^2 = 0.01 or 0.12 of the variance to the mean square, with a tolerance of 0.05."""
    row = find(rows_of(make_stationary(seed=5, shift=shift, replicas=256)), "mean_shift")
    assert row.verdict is verdict
    assert row.measured == pytest.approx(shift**2, abs=0.02)


@pytest.mark.parametrize("scale", [0.9, 1.1, 0.5, 2.0, 4.0])
def test_wrong_temperature_is_caught(make_stationary, scale):
    rows = rows_of(make_stationary(seed=6, replicas=128, samples=200, scale=scale))
    for quantity in ("total_variance", "effective_temperature"):
        row = find(rows, quantity)
        assert row.verdict is Verdict.DISAGREES
        assert row.ratio == pytest.approx(scale, rel=0.03)
        assert row.p_value < 1e-3
    if abs(math.log(scale)) > 0.5:
        assert find(rows, "energy_distribution").verdict is Verdict.DISAGREES
    else:
        assert find(rows, "energy_distribution").verdict is not Verdict.AGREES


def test_hessian_and_noise_with_roles_exchanged_are_caught(make_stationary, make_quadratic):
    truth = make_quadratic()
    believed = make_quadratic(rates=truth.noise, noise=truth.rates)
    rows = rows_of(make_stationary(truth, seed=7, believed=believed))
    assert find(rows, "total_variance").verdict is Verdict.DISAGREES
    bins = [row for row in rows if row.quantity.startswith("mode_variance") and row.role == "law"]
    assert all(row.verdict is Verdict.DISAGREES for row in bins)


def test_heavy_tails_of_equal_variance_are_seen_in_the_distribution_alone(make_stationary):
    rows = rows_of(make_stationary(seed=8, replicas=256, samples=400, tail=4.5), contrasts=False)
    assert find(rows, "energy_distribution").verdict is Verdict.DISAGREES
    assert find(rows, "total_variance").verdict is not Verdict.DISAGREES


def test_contrasts_are_stated_and_can_be_left_out(make_stationary):
    rows = rows_of(make_stationary(seed=9))
    continuum = find(rows, "total_variance", "continuum")
    isotropic = find(rows, "total_variance", "isotropic")
    assert continuum.role == isotropic.role == "contrast"
    assert isotropic.verdict is Verdict.DISAGREES
    assert "off by a factor 3.8" in isotropic.reason
    sharpest = [row for row in rows if row.quantity.startswith("mode_variance") and row.law == "continuum"]
    assert len(sharpest) == 1
    assert sharpest[0].verdict is Verdict.DISAGREES
    assert sharpest[0].ratio == pytest.approx(4 / 3, rel=0.05)  # 1/(1 - eta k/2) at eta k = 1/2
    assert {row.role for row in rows_of(make_stationary(seed=9), contrasts=False)} == {"law"}


def test_epoch_law_has_the_replacement_law_beside_it(make_stationary):
    dataset = make_stationary(seed=10)
    epoch = 0.3 * dataset["mode_variance_law"].sel(law="discrete")
    dataset = dataset.isel(law=[0, 0, 1, 2]).assign_coords(law=["epoch", "discrete", "continuum", "isotropic"])
    variance = dataset["mode_variance_law"].values.copy()
    variance[0] = epoch
    dataset["mode_variance_law"] = (("law", "mode"), variance)
    dataset.attrs["law"] = "epoch"
    rows = rows_of(dataset)
    beside = [row for row in rows if row.law == "discrete" and row.quantity.startswith("mode_variance")]
    own = [row for row in rows if row.law == "epoch" and row.quantity.startswith("mode_variance")]
    assert len(beside) == len(own) > 1
    assert {row.role for row in beside} == {"contrast"}
    assert {row.role for row in own} == {"law"}


def test_modes_without_noise_are_counted_apart(make_stationary):
    dataset = with_silent_mode(make_stationary(seed=11), variance=0.0)
    rows = rows_of(dataset)
    row = find(rows, "noise_free_modes")
    assert (row.modes, row.measured, row.verdict) == (1, 0.0, Verdict.AGREES)
    assert find(rows, "total_variance").modes == 6
    assert all(row.eigenvalue_low > 0.015 for row in rows if row.quantity.startswith("mode_variance"))
    # the isotropic law has noise there too, and would need a restoring force
    assert find(rows, "total_variance", "isotropic").predicted == math.inf
    assert find(rows, "total_variance", "isotropic").verdict is Verdict.DISAGREES
    planted = with_silent_mode(make_stationary(seed=11), variance=0.01)
    assert find(rows_of(planted), "noise_free_modes").verdict is Verdict.DISAGREES


def with_silent_mode(dataset, variance):
    """One more mode, flat and without noise by law, that fluctuates with the given variance all the same."""
    silent = dataset.isel(mode=[-1]).assign_coords(mode=[6]).copy(deep=True)
    silent["hessian_eigenvalue"] = silent["hessian_eigenvalue"] * 0 - 1e-12
    silent["noisy"] = silent["noisy"] & False
    silent["mode_variance_law"] = silent["mode_variance_law"] * 0 + np.array([0.0, 0.0, np.nan])[:, None]
    silent["energy_law_weight"] = silent["energy_law_weight"] * 0
    silent["mode_moment_1"] = silent["mode_moment_1"] * 0
    noise = 1 + 0.1 * np.random.default_rng(0).standard_normal((silent.sizes["replica"], 1))
    silent["mode_moment_2"] = (("replica", "mode"), variance * noise)
    modes = [name for name in dataset.data_vars if "mode" in dataset[name].dims]
    parts = [dataset[modes], silent[modes]]
    joined = {
        name: (dataset[name].dims, np.concatenate([part[name].values for part in parts], axis=-1)) for name in modes
    }
    rest = dataset.drop_vars(modes).drop_vars("mode")
    return rest.assign(joined)


def test_few_replicas_decide_nothing(make_stationary):
    rows = rows_of(make_stationary(seed=12, replicas=3, scale=10.0))
    assert {row.verdict for row in rows} == {Verdict.INCONCLUSIVE}
    assert "at least 4" in rows[0].reason
    assert {row.verdict for row in rows_of(make_stationary(seed=12, replicas=1))} == {Verdict.INCONCLUSIVE}


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_a_transient_decides_nothing(make_stationary, scale):
    rows = rows_of(make_stationary(seed=13, scale=scale, transient_deficit=0.02, burn_in=0, gap=20))
    assert {row.verdict for row in rows if row.quantity != "energy_distribution"} == {Verdict.INCONCLUSIVE}
    assert "not equilibrated" in find(rows, "total_variance").reason
    assert "steps longer would settle it" in find(rows, "total_variance").reason
    assert all(math.isnan(row.p_value) for row in rows)


def uneven(every):
    """The deficit by the epoch law of 8 batches in a window that starts in mid-epoch and is sampled every `every`."""
    sgd = Sgd(learning_rate=0.5, batch_size=8, sampling="epoch")
    laws = LinearProcess(np.array([1.0, 0.2]), np.diag([1.0, 0.3]), sgd, "epoch", samples=64)
    return laws.transient_deficit(10_004 + every * np.arange(1, 101))


def test_phases_of_an_epoch_visited_unevenly_decide_nothing(make_stationary):
    """At mid-epoch the variance is above its average over the phases, so the deficit is negative."""
    assert abs(uneven(every=5)) < 0.01
    deficit = uneven(every=8)
    assert deficit < -0.05
    rows = rows_of(make_stationary(seed=13, transient_deficit=deficit, burn_in=0, gap=20))
    assert {row.verdict for row in rows} == {Verdict.INCONCLUSIVE}
    assert all("above its average over the phases of an epoch" in row.reason for row in rows)
    assert "another sample_every" in rows[0].reason


@pytest.mark.parametrize(("deficit", "fault"), [(-0.012, False), (-0.013, True), (0.012, False), (0.013, True)])
def test_a_quarter_of_the_tolerance_is_allowed_on_either_side(make_stationary, deficit, fault):
    window = StationaryWindow.from_dataset(make_stationary(seed=13, transient_deficit=deficit))
    assert bool(window.fault(0.05)) is fault
    assert ("phases" in window.fault(0.05)) is (fault and deficit < 0)


def test_a_mode_that_forgets_in_one_step_keeps_nothing_of_the_start(make_stationary):
    """At eta k = 1 the relaxation takes no time: its decay is nought, without a warning."""
    dataset = make_stationary(seed=14, replicas=8, samples=20, transient_deficit=0.004)
    dataset["autocorrelation_time"][0] = 0.0
    decay = StationaryWindow.from_dataset(dataset).decay
    assert decay[0] == 0.0
    assert np.all(np.isfinite(decay))


def test_a_transient_in_the_flat_modes_spoils_their_bin_alone(make_stationary):
    dataset = make_stationary(seed=14, replicas=256, samples=200, transient_deficit=0.004)
    dataset["autocorrelation_time"][-1] = 5000.0
    rows = rows_of(dataset)
    bins = [row for row in rows if row.quantity.startswith("mode_variance") and row.role == "law"]
    assert "not equilibrated" in bins[-1].reason
    assert all("not equilibrated" not in row.reason for row in bins[:-1])
    assert find(rows, "total_variance").verdict is Verdict.AGREES


def test_stuck_replicas_decide_nothing(make_stationary):
    dataset = make_stationary(seed=15)
    energy = dataset["stationary_energy"]
    dataset["stationary_energy"] = energy * (1 + (energy["replica"] % 2))
    rows = rows_of(dataset)
    assert {row.verdict for row in rows} == {Verdict.INCONCLUSIVE}
    assert "R-hat" in rows[0].reason
    assert "times as long" in rows[0].reason


def test_slow_energy_decides_nothing(make_stationary, make_quadratic):
    slow = make_quadratic(rates=(0.02,) * 6)
    rows = rows_of(make_stationary(slow, seed=16, samples=100, gap=1))
    assert {row.verdict for row in rows} == {Verdict.INCONCLUSIVE}


@pytest.mark.parametrize(
    ("energy", "words"),
    [
        (np.random.default_rng(0).standard_normal((8, 5)), "too few effective samples: 5 samples a replica"),
        (np.ones((8, 50)), "constant or not finite"),
        (np.full((8, 50), np.nan), "constant or not finite"),
    ],
)
def test_unfit_energies(energy, words):
    assert words in sampling_quality(energy).fault


def test_effective_samples_of_a_known_process():
    random = np.random.default_rng(1)
    x = np.empty((64, 500))
    x[:, 0] = random.standard_normal(64)
    for i in range(1, 500):
        x[:, i] = 0.8 * x[:, i - 1] + 0.6 * random.standard_normal(64)
    assert sampling_quality(x).effective == pytest.approx(64 * 500 * 0.2 / 1.8, rel=0.15)  # (1 - m)/(1 + m)
    assert sampling_quality(x).fault == ""


def test_a_far_start_decides_nothing(make_stationary):
    dataset = make_stationary(seed=17, transient_deficit=1e-4, burn_in=200)
    assert StationaryWindow.from_dataset(dataset).displaced == 0.0
    displaced = dataset.assign(drift_squared_predicted=("time", [0.0, 1e4])).assign_coords(step=("time", [0, 5000]))
    rows = rows_of(displaced)
    assert "squared distance of the mean" in find(rows, "total_variance").reason


def test_bins_are_logarithmic_and_sharpest_first():
    eigenvalue = np.array([1.0, 0.5, 0.1, 0.011, 0.01, 1e-3, -1e-9])
    noisy = np.array([True, True, True, True, True, False, True])
    masks = eigenvalue_bins(eigenvalue, noisy, 4)
    assert [np.flatnonzero(mask).tolist() for mask in masks] == [[0, 1], [2], [3, 4]]
    assert len(eigenvalue_bins(np.ones(5), np.ones(5, dtype=bool), 8)) == 1
    assert eigenvalue_bins(eigenvalue, np.zeros(7, dtype=bool), 4) == []


def test_incomplete_window_is_an_error(make_stationary):
    with pytest.raises(ValueError, match="lacks stationary_energy"):
        rows_of(make_stationary().drop_vars("stationary_energy"))
    nameless = make_stationary()
    del nameless.attrs["law"]
    with pytest.raises(ValueError, match="law None"):
        rows_of(nameless)


def test_no_window_no_rows(make_stationary):
    assert rows_of(make_stationary().drop_vars("mode_moment_1")) == []
