"""The law of adamw with its preconditioner held, against the linear process itself."""

import numpy as np
from scipy.linalg import solve_discrete_lyapunov

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.laws.companion import PreconditionedProcess
from langevin_sgd.training.update_rules.adamw.config import AdamWRule
from langevin_sgd.training.update_rules.linear import companion

ETA, DECAY, BETA, BATCH = 0.05, 0.7, 0.9, 4


def _covariance(h: np.ndarray, c: np.ndarray, d: np.ndarray, decay: float) -> np.ndarray:
    """Of the weights in w <- (1 - eta decay) w - eta D m', m' = beta m + (1 - beta)(H w + xi), from its own matrix."""
    one, share = np.eye(len(h)), 1.0 - BETA
    kick = np.vstack([-ETA * share * np.diag(d), share * one])
    step = np.block([[(1.0 - ETA * decay) * one, -ETA * BETA * np.diag(d)], [0.0 * one, BETA * one]])
    step[:, : len(h)] += kick @ h
    return solve_discrete_lyapunov(step, kick @ c @ kick.T / BATCH)[: len(h), : len(h)]


def test_the_covariance_is_that_of_the_linear_process_with_its_decay():
    rng = np.random.default_rng(0)
    root, noise, d = rng.normal(size=(3, 3)), rng.normal(size=(3, 3)), rng.uniform(0.5, 2.0, 3)
    h, c = root @ root.T + np.eye(3), noise @ noise.T
    k, basis = np.linalg.eigh(h)
    section = AdamWRule(kind="adamw", beta_1=BETA, decoupled_decay=DECAY)
    sgd = Sgd(learning_rate=ETA, batch_size=BATCH)
    step = companion(section, sgd, section.build(sgd))
    process = PreconditionedProcess(
        k=k, c=basis.T @ c @ basis, basis=basis, preconditioner=d, step=step, batch_size=BATCH, samples=None
    )
    found = basis @ process.covariance @ basis.T
    expected = _covariance(h, c, d, DECAY)
    np.testing.assert_allclose(found, expected, rtol=1e-8)
    assert abs(np.trace(_covariance(h, c, d, 0.0)) / np.trace(expected) - 1.0) > 0.05
