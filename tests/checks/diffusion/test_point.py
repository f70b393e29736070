"""The diffusion check on surrogate disorders and replicas of known law: verdicts, reasons, planted errors."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pytest
import xarray as xr
from scipy.stats import beta

from langevin_sgd.checks.diffusion.distance import sup_distance
from langevin_sgd.checks.diffusion.growth import growth_rows
from langevin_sgd.checks.diffusion.point import diffusion
from langevin_sgd.checks.diffusion.positions import Positions
from langevin_sgd.checks.diffusion.resampled import assess_resampled
from langevin_sgd.checks.verdicts.statistics import Band, Verdict
from langevin_sgd.checks.verdicts.table import to_dataset
from langevin_sgd.errors import UserError
from langevin_sgd.estimators.renewal_model import renewal_positions
from langevin_sgd.theory import logarithmic_diffusion as theory

AGREES, DISAGREES, INCONCLUSIVE = Verdict.AGREES, Verdict.DISAGREES, Verdict.INCONCLUSIVE
CLAIM = {"alpha": 1.0, "amplitude": 1.0, "thermal_energy": 1.0}
DISORDERS = 6400


def sinai(seed, disorders=DISORDERS, *, box=math.inf, watched=True, last=40.0, **process):
    """What a run on a line with alpha = 1 (or as `process` says) emits; a box keeps walkers at its walls."""
    ln_time = np.linspace(2.5, last, 96)
    x = renewal_positions(np.arange(disorders), ln_time, seed=seed, shift=-2.0, **process)
    variables = {
        "squared_displacement": (("disorder", "time"), np.minimum(np.abs(x), box) ** 2),
        "position_draw": (("disorder", "draw"), np.clip(x, -box, box)[:, -1:]),
    }
    if watched:
        variables["censored"] = (("disorder", "time"), np.abs(x) >= box)
    return xr.Dataset(variables, coords={"time": np.exp(ln_time)})


def rows(dataset, *, seed=0, window=10.0, resamples=299, **claim):
    found = diffusion(dataset, model="sinai", window=window, seed=seed, resamples=resamples, **(CLAIM | claim))
    return {f"{row.quantity}{'*' if row.role == 'contrast' else ''}": row for row in found}


@pytest.fixture(scope="module")
def good():
    return rows(sinai(3, 12800))


def test_all_rows_agree_with_twice_the_disorders(good):
    assert {name: row.verdict for name, row in good.items() if not name.endswith("*")} == {
        "exponent": AGREES,
        "amplitude": AGREES,
        "position_distribution": AGREES,
        "mean_absolute_position": AGREES,
        "held_out_likelihood": AGREES,
    }
    assert good["exponent"].predicted == 4.0
    assert good["exponent"].ratio_high - good["exponent"].ratio_low < 0.2  # no wider than +-0.4 in p
    assert good["amplitude"].predicted == pytest.approx(61 / 45)
    assert good["mean_absolute_position"].predicted == pytest.approx(5 / 6 / math.sqrt(61 / 45))
    unshifted = good["position_distribution*"]
    assert unshifted.law == "Kesten-Golosov, no shift"
    assert unshifted.measured > 2 * good["position_distribution"].measured


def test_reasons_show_the_windows_and_the_competitors(good):
    assert re.match(
        r"p/\(4/alpha\) with 4/alpha = 4, fitted shift -[12]\.\d+: [\d.]+, 95% interval", good["exponent"].reason
    )
    assert re.match(r"ratio with p = 4, fitted shift -[12](\.\d+)?: [\d.]+, 95% interval", good["amplitude"].reason)
    assert "by window: " in good["exponent"].reason
    assert "from ln t 12.6" in good["exponent"].reason or "from ln t 12.8" in good["exponent"].reason
    assert "12800 disorders" in good["exponent"].reason
    for competitor in ("power law", "saturating exponential", "ordinary diffusion"):
        assert f"better than {competitor}" in good["held_out_likelihood"].reason
    assert good["held_out_likelihood"].law == "power law"


def test_rows_make_a_table(good):
    table = to_dataset(list(good.values()), level=0.05, not_compared=[])
    assert json.loads(table.attrs["summary"])["verdict"] == "agrees"


@pytest.mark.parametrize(("alpha", "off"), [(0.75, 4 / 3), pytest.param(1.25, 0.8, marks=pytest.mark.validate)])
def test_alpha_wrong_by_a_quarter(alpha, off):
    found = rows(sinai(1, alpha=alpha), amplitude=None)
    assert found["exponent"].verdict is DISAGREES
    assert found["exponent"].ratio == pytest.approx(off, rel=0.1)
    assert set(found) == {"exponent", "held_out_likelihood"}


def test_the_right_alpha_is_found_again():
    """A line with alpha = 1.25 has fluctuations of its own; here only the growth is planted."""
    assert rows(sinai(1, alpha=1.25), alpha=1.25)["exponent"].verdict is AGREES


@pytest.mark.parametrize(("believed", "factor"), [(2.0, 1 / 16), pytest.param(0.5, 16.0, marks=pytest.mark.validate)])
def test_theta_confused_with_temperature(believed, factor):
    found = rows(sinai(2), thermal_energy=believed)
    assert found["exponent"].verdict is AGREES
    assert found["amplitude"].verdict is DISAGREES
    assert found["amplitude"].ratio == pytest.approx(factor, rel=0.1)
    assert "as if T stood for the thermal energy" in found["amplitude"].reason
    assert found["position_distribution"].verdict is DISAGREES
    assert found["mean_absolute_position"].ratio == pytest.approx(1.0, abs=0.02)  # has no scale


def test_a_box_that_walkers_reach_is_censored():
    found = rows(sinai(4, box=2000.0))
    for row in found.values():
        assert row.verdict is INCONCLUSIVE
        assert row.reason.startswith("censored: ")
        assert math.isnan(row.p_value)
    assert "a wider box would settle it" in found["exponent"].reason


def test_a_box_that_nobody_watched_is_seen_in_the_numbers():
    found = rows(sinai(4, box=2000.0, watched=False))
    assert found["exponent"].verdict is DISAGREES
    assert found["position_distribution"].measured > 0.05
    assert found["mean_absolute_position"].verdict is DISAGREES


@pytest.mark.validate
def test_a_few_censored_disorders_are_counted_with_what_they_carry():
    dataset = sinai(3)
    farthest = np.argsort(dataset["squared_displacement"].values[:, -1])[-32:]
    dataset["censored"][farthest, -1] = True
    reason = rows(dataset)["exponent"].reason
    assert "6400 disorders, 0.005 of them censored with 0.0" in reason or "censored with 0.1" in reason
    dataset["censored"][:65, -1] = True
    assert rows(dataset)["exponent"].verdict is INCONCLUSIVE


def test_thirty_disorders_are_too_few():
    for row in rows(sinai(5, 30)).values():
        assert row.verdict is INCONCLUSIVE
        assert row.reason.startswith("too few disorders: the standard error of <x^2> from 30 is ")


def test_nineteen_disorders_cannot_be_held_out():
    dataset = sinai(5, 19, rate=0.0)
    dataset["squared_displacement"][:] = dataset["squared_displacement"][:1]  # no spread: the first fault is not it
    found = rows(dataset)["held_out_likelihood"]
    assert found.verdict is INCONCLUSIVE
    assert found.reason.startswith("too few disorders: 19; held-out likelihood needs at least 20")


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        (18.0, "window too short: ln t from 10.* to 18 spans a factor 1.8"),
        (10.2, "window too short: . recorded times have ln t >= 10"),
        (8.0, "window too short: 0 recorded times have ln t >= 10"),
    ],
)
def test_a_window_too_short(last, reason):
    found = rows(sinai(6, 400, last=last))
    assert found["exponent"].verdict is INCONCLUSIVE
    assert re.match(reason, found["exponent"].reason)


def test_growth_like_a_power_of_time():
    dataset = sinai(7)
    grown = np.exp(0.2 * np.log(dataset["time"])) / (np.log(dataset["time"]) - 2) ** 4
    dataset["squared_displacement"] = dataset["squared_displacement"] * grown
    found = rows(dataset)
    assert found["held_out_likelihood"].verdict is DISAGREES
    assert found["held_out_likelihood"].law == "power law"
    assert "worse than power law" in found["held_out_likelihood"].reason
    assert found["exponent"].verdict is DISAGREES
    assert "of the resamples fit no finite shift" in found["exponent"].reason


def test_a_competing_law_as_good():
    found = rows(sinai(8, 200, last=21.0))["held_out_likelihood"]
    assert found.verdict is INCONCLUSIVE
    assert "competing law as good: " in found.reason
    assert "a longer window of ln t" in found.reason


def test_disorder_with_a_bias_to_one_side():
    dataset = sinai(9)
    draws = dataset["position_draw"].values
    draws[::2] = np.abs(draws[::2])
    found = rows(dataset)
    assert found["position_distribution"].verdict is INCONCLUSIVE
    assert "to the right of the start" in found["position_distribution"].reason


@pytest.mark.validate
def test_draws_at_their_own_time():
    dataset = sinai(10)
    middle = 60
    x = renewal_positions(np.arange(DISORDERS), np.log(dataset["time"].values), seed=10, shift=-2.0)
    at = dataset.assign(position_draw=(("disorder", "draw"), x[:, [middle]]))
    at = at.assign_coords(draw_time=float(dataset["time"][middle]))
    assert rows(at)["position_distribution"].verdict is AGREES
    mistaken = dataset.assign(position_draw=(("disorder", "draw"), x[:, [middle]]))
    assert rows(mistaken)["position_distribution"].verdict is DISAGREES
    several = dataset.assign(position_draw=(("disorder", "draw", "draw_time"), x[:, None, [10, middle]]))
    several = several.assign_coords(draw_time=dataset["time"].values[[10, middle]])
    assert rows(several)["position_distribution"].measured == rows(at)["position_distribution"].measured


def test_distance_is_that_of_positions_with_their_mirror_images():
    x = renewal_positions(np.arange(500), np.array([40.0]), seed=1, shift=-2.0)
    positions = Positions(x, 40.0, 1.0, 1.0)
    for shift in (-2.0, 5.0):
        mirrored = np.concatenate([x, -x]) / (40.0 + shift) ** 2
        assert positions.distance(shift) == pytest.approx(sup_distance(mirrored, theory.cdf), abs=2e-4)


def test_interval_of_the_distance_covers_the_shift():
    x = renewal_positions(np.arange(2000), np.array([40.0]), seed=1, shift=-2.0)
    positions = Positions(x, 40.0, 1.0, 1.0)
    certain = positions.resample(-2.0, np.full(199, -2.0), seed=0).half_width(0.95)
    assert certain == pytest.approx(1.36 / 2 / math.sqrt(2000), rel=0.15)  # Kolmogorov's, halved by the mirror images
    uncertain = positions.resample(-2.0, np.linspace(-4.0, 0.0, 199), seed=0).half_width(0.95)
    stretch = (40.0 / 38.0) ** 2
    grid = np.linspace(0, 6, 400)
    assert uncertain > 0.9 * np.max(np.abs(theory.cdf(grid * stretch) - theory.cdf(grid))) > certain


def test_what_is_asked_of_alpha():
    with pytest.raises(UserError, match="motion is ballistic"):
        rows(sinai(0, 40), alpha=2.0)
    with pytest.raises(UserError, match="barriers do not grow"):
        rows(sinai(0, 40), alpha=0.0)
    assert diffusion(xr.Dataset(), model="x", alpha=1.0, window=10.0, seed=0) == []


def test_dimensions_in_any_order():
    dataset = sinai(3, 800)
    turned = rows(dataset.transpose("time", "draw", "disorder"))
    for name, row in rows(dataset).items():
        assert turned[name].measured == row.measured


# -- networks: replicas with drift and spread ------------------------------------------------------------------------


def replicas(drift, spread, *, number=32, seed=0, noise=0.01, control=None):
    """A network's observables: |mean|^2 and the variance over replicas as given functions of ln t."""
    random = np.random.default_rng(seed)
    ln_time = np.linspace(0.0, 9.0, 60)
    parts = {"drift_squared": drift(ln_time), "spread": spread(ln_time)}
    each = (parts["drift_squared"] + parts["spread"]) * (1 + noise * random.standard_normal((number, 1)))
    variables = {"squared_displacement": (("replica", "time"), each)}
    for name, values in parts.items():
        variables[name] = ("time", values)
        variables[f"{name}_stderr"] = ("time", noise * values)
    if control is not None:
        variables["control_squared_displacement"] = ("time", control(ln_time))
    return xr.Dataset(variables, coords={"time": np.exp(ln_time)})


def test_which_part_of_a_network_follows_which_law():
    def drift(ln_time):
        return 2 * (ln_time + 1) ** 2.6

    dataset = replicas(drift, lambda ln_time: 0.01 * np.exp(0.9 * ln_time), noise=1e-3, control=drift)
    found = diffusion(dataset, model="net", alpha=None, window=2.0, seed=0)
    assert all(row.role == "contrast" for row in found)
    verdicts = {(row.quantity, row.law): row.verdict for row in found}
    assert verdicts["drift_squared", "logarithmic law"] is AGREES
    assert verdicts["spread", "power law"] is AGREES
    for part, law in [
        ("drift_squared", "power law"),
        ("drift_squared", "ordinary diffusion"),
        ("drift_squared", "saturating exponential"),
        ("spread", "ordinary diffusion"),
        ("spread", "saturating exponential"),
    ]:
        assert verdicts[part, law] is DISAGREES, (part, law)
    power = next(row.reason for row in found if (row.quantity, row.law) == ("spread", "power law"))
    assert "exponent 0.9 of t" in power
    assert "fitted from ln t 2.1" in power
    assert "to 6.5" in power  # two thirds of the window from 2 to 9
    control = next(row for row in found if row.law == "zero-temperature control")
    assert control.ratio == pytest.approx(1 + 0.01 * math.exp(8.1) / drift(9.0), rel=0.002)


def test_noise_in_a_forecast_makes_it_inconclusive():
    dataset = replicas(lambda ln_time: 2 * (ln_time + 1) ** 2.6, np.exp, noise=0.05)
    found = {
        (r.quantity, r.law): r for r in growth_rows(dataset, model="net", window=2.0, tolerance=0.1, confidence=0.95)
    }
    assert found["drift_squared", "logarithmic law"].verdict is INCONCLUSIVE
    assert found["drift_squared", "ordinary diffusion"].verdict is DISAGREES
    # the bound of Minkowski is no smaller than the error of errors that go together
    assert found["spread", "ordinary diffusion"].standard_error >= 0.05 * found["spread", "ordinary diffusion"].measured


def test_a_network_without_alpha_is_compared_with_a_free_exponent():
    found = diffusion(
        replicas(lambda ln_time: ln_time**3, np.exp), model="net", alpha=None, window=2.0, seed=0, resamples=50
    )
    assert [row.quantity for row in found if row.quantity in ("exponent", "held_out_likelihood")] == [
        "held_out_likelihood"
    ]
    assert "p free" in found[0].reason


# -- verdicts from resamples -----------------------------------------------------------------------------------------


def test_verdict_from_resamples():
    resamples = np.linspace(0.9, 1.1, 2001)

    def verdict(low, high, confidence=0.95):
        return assess_resampled(
            1.0, resamples, band=Band(low, high), confidence=confidence, name="value", cure="disorders"
        )

    inside, outside, straddling = verdict(0.85, 1.15), verdict(1.2, 1.5), verdict(1.05, 1.2)
    assert (inside.verdict, outside.verdict, straddling.verdict) == (AGREES, DISAGREES, INCONCLUSIVE)
    assert (inside.low, inside.high) == pytest.approx((0.905, 1.095))
    assert inside.stderr == pytest.approx(0.068)
    assert outside.p_value == pytest.approx(1 / 2002)
    assert straddling.p_value == pytest.approx(501 / 2002, rel=0.01)  # the quarter above 1.05
    assert "times the disorders would settle it" in straddling.reason


def test_resamples_that_ran_away_count_as_extreme():
    resamples = np.concatenate([np.linspace(0.99, 1.01, 90), np.full(10, np.inf)])
    found = assess_resampled(1.0, resamples, band=Band(0.9, 1.1), confidence=0.95, name="value", cure="disorders")
    assert found.verdict is INCONCLUSIVE
    assert found.high == math.inf


# -- calibration -----------------------------------------------------------------------------------------------------


def tally(count, dataset, **claim):
    """Verdicts of each law row over `count` runs, printed."""
    verdicts = {}
    for seed in range(count):
        for name, row in rows(dataset(1000 + seed), seed=seed, **claim).items():
            if row.role == "law":
                verdicts.setdefault(name, []).append(row.verdict)
    for name, found in verdicts.items():
        shown = ", ".join(f"{verdict} {found.count(verdict) / count:.3f}" for verdict in Verdict)
        print(f"\n{name}: {count} runs: {shown}", end="")
    return verdicts


@pytest.mark.validate
@pytest.mark.parametrize("disorders", [400, 6400])
def test_false_alarms_are_rare(disorders):
    count = 150
    verdicts = tally(count, lambda seed: sinai(seed, disorders))
    for found in verdicts.values():
        alarms = found.count(DISAGREES)
        assert beta.ppf(0.95, alarms + 1, count - alarms) < 0.04  # Clopper and Pearson
    if disorders == DISORDERS:
        assert verdicts["exponent"].count(AGREES) > 0.9 * count


@pytest.mark.validate
@pytest.mark.parametrize(
    ("plant", "claim", "row", "share"),
    [
        ({"alpha": 1.25}, {}, "exponent", 0.9),
        ({"alpha": 0.75}, {}, "exponent", 0.9),
        ({}, {"alpha": 1.25}, "exponent", 0.9),
        ({}, {"alpha": 0.75}, "exponent", 0.9),
        ({}, {"thermal_energy": 2.0}, "amplitude", 0.99),
        ({"box": 2000.0, "watched": False}, {}, "exponent", 0.9),
        ({"box": 2000.0, "watched": False}, {}, "mean_absolute_position", 0.9),
    ],
)
def test_plants_are_caught(plant, claim, row, share):
    count = 60
    assert tally(count, lambda seed: sinai(seed, **plant), **claim)[row].count(DISAGREES) >= share * count


@pytest.mark.validate
def test_thirty_disorders_never_get_a_verdict():
    count = 300
    for found in tally(count, lambda seed: sinai(seed, 30)).values():
        assert found.count(INCONCLUSIVE) >= 0.99 * count
