"""The shared observables: declared names, recording times, and estimators against their definitions."""

from types import SimpleNamespace

import numpy as np
import pytest

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.estimators.drift_and_spread import displacement_summary
from langevin_sgd.estimators.stationary import stationary_summary
from langevin_sgd.models.network import run as network
from langevin_sgd.observables import declared as observables
from langevin_sgd.observables.schedule import log_spaced_steps, sampling_steps


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


@pytest.mark.parametrize(("steps", "count"), [(1, 1), (1, 64), (10, 64), (20000, 64), (7, 2)])
def test_log_spaced_steps_hold_both_ends_once(steps: int, count: int) -> None:
    chosen = log_spaced_steps(steps, count)
    assert chosen[0] == 0
    assert chosen[-1] == steps
    assert np.all(np.diff(chosen) > 0)
    assert chosen.size <= count + 2


def test_log_spaced_steps_grow_geometrically_where_integers_allow() -> None:
    chosen = log_spaced_steps(10**6, 61)
    late = chosen[chosen > 1000]
    assert np.ptp(np.diff(np.log(late))) < 2e-3


def test_sampling_steps() -> None:
    assert sampling_steps(100, 130, 10).tolist() == [110, 120, 130]
    with pytest.raises(ValueError, match="no sample"):
        sampling_steps(100, 105, 10)


def test_displacement_summary_is_what_it_says() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(9, 4)) + 2.0
    summary = displacement_summary(x)
    spread = x.var(0, ddof=1).sum()
    assert summary.spread == pytest.approx(spread, rel=1e-12)
    assert summary.drift_squared == pytest.approx((x.mean(0) ** 2).sum() - spread / 9, rel=1e-12)
    without = np.array([np.delete(x, r, axis=0).var(0, ddof=1).sum() for r in range(9)])
    assert summary.spread_stderr == pytest.approx(np.sqrt(8 / 9 * ((without - without.mean()) ** 2).sum()), rel=1e-10)
    np.testing.assert_allclose(summary.squared_displacement, (x**2).sum(1))


def test_displacement_summary_is_unbiased() -> None:
    """Drift 4 and spread 3 are recovered within 4 standard errors from 4,000 ensembles of 5 replicas."""
    rng = np.random.default_rng(2)
    drift = np.array([2.0, 0.0, 0.0])
    summaries = [displacement_summary(rng.normal(size=(5, 3)) + drift) for _ in range(4000)]
    found = np.array([(summary.drift_squared, summary.spread) for summary in summaries])
    stderr = found.std(0) / np.sqrt(len(found))
    assert np.all(np.abs(found.mean(0) - [4.0, 3.0]) < 4 * stderr)


def test_stationary_summary_is_unbiased_for_correlated_series() -> None:
    """AR(1) with correlation 0.98: the pooled variance and its errors survive few, strongly correlated samples.

    Two thousand ensembles of 6 replicas and 100 samples; 4 standard errors. Without the term Var(mu) the variance
    would come out some 13% low, which the second assertion shows that this test would see.
    """
    rng = np.random.default_rng(3)
    ensembles, replicas, samples, a = 2000, 6, 100, 0.98
    x = np.empty((ensembles, replicas, samples))
    x[..., 0] = rng.normal(size=(ensembles, replicas))
    for n in range(1, samples):
        x[..., n] = a * x[..., n - 1] + np.sqrt(1 - a**2) * rng.normal(size=(ensembles, replicas))
    x += 5.0
    first, second = x.mean(-1), (x**2).mean(-1)
    summary = stationary_summary(first.T, second.T)  # ensembles stand in for modes
    variance = summary.variance.value
    stderr = variance.std() / np.sqrt(ensembles)
    assert abs(variance.mean() - 1.0) < 4 * stderr
    naive = (second - first.mean(1, keepdims=True) ** 2).mean(1)
    assert abs(naive.mean() - 1.0) > 4 * stderr
    assert abs(np.mean((summary.mean.value - 5.0) ** 2) / np.mean(summary.mean.stderr**2) - 1) < 0.15
    jackknife = np.sqrt(np.mean(summary.variance.stderr**2))
    assert 0.9 < jackknife / variance.std() < 1.25  # the jackknife is conservative


def test_too_few_replicas_give_no_error_bar() -> None:
    one = displacement_summary(np.ones((1, 3)))
    assert np.isnan(one.spread)
    two = stationary_summary(np.ones((2, 1)), np.ones((2, 1)))
    assert np.isnan(two.variance.stderr).all()
