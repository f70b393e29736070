"""Twins of softmax regression on digits against what theory says of them where noise is not that of the minimum."""

import numpy as np
import pytest

import langevin_sgd as lsgd
from langevin_sgd.checks.modes import eigenvalue_bins
from langevin_sgd.estimators.stationary import jackknife_stderr, leave_one_out_variance
from langevin_sgd.models.network.bench import Bench
from langevin_sgd.study.loading import parse
from langevin_sgd.theory import self_consistent
from langevin_sgd.training.gaussian_averages import GaussianAverages, Surroundings
from langevin_sgd.training.threads import Workers

LIMIT = 1e-3
"""Of the learning rate, a step at which the discrete law is that of the continuum."""


def study(learning_rate: float) -> dict:
    network = {
        "kind": "network", "data": {"name": "digits"}, "architecture": {"kind": "softmax"}, "start": "minimum",
        "replicas": 4, "steps": 2400, "burn_in": 400,
    }  # fmt: skip
    twin = {"kind": "langevin_twin", "of": "net", "time_step_fraction": 0.25, "replicas": 48}
    sgd = {"learning_rate": learning_rate, "batch_size": 16, "weight_decay": 0.05 * 0.1 / learning_rate}
    models = {"net": network, "twin": twin, "svag": {**twin, "noise": "svag"}}
    return {"name": "twin", "seed": 4, "sgd": sgd, "models": models}


def closure(config: dict, twin, fraction: float) -> np.ndarray:
    """Variances of the modes by statistical linearisation of a step of so much of the learning rate."""
    own = parse(config)
    k, vectors = twin["hessian_eigenvalue"].values, twin["hessian_eigenvector"].values
    noisy = twin["noisy"].values.astype(bool)
    decay, sgd = own.sgd.weight_decay, own.sgd
    basis = vectors[:, noisy]
    with Workers(2) as workers:
        bench = Bench.of(own.models["net"], seed=own.seed, device="cpu", workers=workers)
        about = Surroundings(twin["minimum"].values, basis, k[noisy] - decay)
        average = GaussianAverages(bench.instruments.with_decay(decay), about, seed=own.seed)
        c = basis.T @ twin["noise_covariance"].values @ basis
        step = self_consistent.Sgd(fraction * sgd.learning_rate, fraction * sgd.batch_size)
        found = self_consistent.fixed_point(average, np.diag(k[noisy]), c, step, frames=1)
    variance = np.zeros(k.size)
    variance[noisy] = np.diagonal(found.covariance)
    return variance


@pytest.mark.validate
def test_variances_are_those_of_the_continuum_closure_and_of_svag():
    """Total and bins of modes at learning rate 0.1: within 3% of the closure in continuous time, 1.5% of that of the
    step 0.025 that was made, and 2% of svag at the same step; of bins two standard errors more. Errors of the total are
    0.5%, of bins up to 1.4%; the law with C of the minimum is 1.2% below."""
    config = study(0.1)
    tree = lsgd.simulate(config, output=None)
    twin, svag = (tree[name].to_dataset() for name in ("twin", "svag"))
    noisy, k = twin["noisy"].values.astype(bool), twin["hessian_eigenvalue"].values
    against = (
        (closure(config, twin, LIMIT), 0.0, 0.03),
        (closure(config, twin, 0.25), 0.0, 0.015),
        (svag["mode_variance"].values, 1.0, 0.02),
    )
    left_out = leave_one_out_variance(twin["mode_moment_1"].values, twin["mode_moment_2"].values)
    for variances, fluctuates, tolerance in against:
        for modes in (noisy, *eigenvalue_bins(k, noisy, 5)):
            law = variances[modes].sum()
            ratio = twin["mode_variance"].values[modes].sum() / law
            error = float(jackknife_stderr(left_out[:, modes].sum(axis=1))) / law * np.sqrt(1.0 + fluctuates)
            allowed = tolerance if modes is noisy and not fluctuates else tolerance + 2.0 * error
            assert abs(ratio - 1.0) < allowed, (tolerance, k[modes].min(), ratio, error)


@pytest.mark.validate
def test_at_a_large_step_it_is_the_step_that_the_continuum_lacks():
    """At learning rate 0.5 the step 0.125 that is made is not small in sharp modes, of eigenvalues up to 0.9.

    Every bin of modes is within 3%, and two standard errors, of the closure of that very step. Over the closure in
    continuous time the sharpest are more by 1/(1 - learning_rate * eigenvalue/8), beyond 3%, and those of eigenvalues
    below 0.2 are within it: there alone a quarter of this learning rate is the continuum, and everywhere at 0.1.
    """
    eta = 0.5
    config = study(eta)
    del config["models"]["svag"]
    config["models"]["twin"] |= {"replicas": 32, "steps": 1600, "burn_in": 400}  # relaxation takes 200 steps
    twin = lsgd.simulate(config, output=None)["twin"].to_dataset()
    noisy, k = twin["noisy"].values.astype(bool), twin["hessian_eigenvalue"].values
    own, limit = closure(config, twin, 0.25), closure(config, twin, LIMIT)
    left_out = leave_one_out_variance(twin["mode_moment_1"].values, twin["mode_moment_2"].values)
    flat, sharp = [], []
    for modes in (noisy, *eigenvalue_bins(k, noisy, 5)):
        measured = twin["mode_variance"].values[modes].sum()
        error = float(jackknife_stderr(left_out[:, modes].sum(axis=1))) / measured
        ratios = measured / own[modes].sum(), measured / limit[modes].sum()
        assert abs(ratios[0] - 1.0) < 0.03 + 2.0 * error
        if k[modes].max() < 0.2:
            flat.append(ratios[1])
            assert abs(ratios[1] - 1.0) < 0.03 + 2.0 * error
        if k[modes].min() > 0.3:
            sharp.append(ratios[1])
            expected = np.average(1.0 / (1.0 - eta * k[modes] / 8.0), weights=limit[modes])
            assert abs(ratios[1] / expected - 1.0) < 0.03 + 2.0 * error
    assert len(flat) >= 2
    assert max(sharp) > 1.03
