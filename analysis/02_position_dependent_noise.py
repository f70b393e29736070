"""Why SGD fluctuates more than the law with C at the minimum: the noise of a minibatch grows away from it.

Softmax regression on digits, with B and weight decay of configs/side_by_side.yaml. Whatever the law of w, a linear
drift H (w - w*) gives the stationary variance

    S = (1 - eta H) S (1 - eta H) + (eta^2/B) <C(w)>,

which is the usual law but for the average of C. Predictions close it by w ~ N(m, S) and iterate to self-consistency;
where the drift is the real one H is <H(w)> (statistical linearisation) and m solves <grad E(w)> = 0.
Measured: SGD by the package, and three processes on the same minibatches n, over a fourth that the law is exact for:

    SGD                        w <- w - eta g_n(w)
    linear drift, real noise   w <- w - eta [H (w - w*) + g_n(w) - grad E(w)]
    real drift, frozen noise   w <- w - eta [grad E(w) + g_n(w*)]
    linear drift, frozen noise w <- w - eta [H (w - w*) + g_n(w*)]

    python analysis/02_position_dependent_noise.py [--json] [--replicas 32] [--steps 4000]
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

import langevin_sgd as lsgd
from langevin_sgd.checks.equilibrium.point import total_variance
from langevin_sgd.checks.stationary_window import StationaryWindow
from langevin_sgd.config.sgd import Sgd
from langevin_sgd.estimators.stationary import jackknife_stderr, leave_one_out_variance, pooled_variance
from langevin_sgd.theory.ornstein_uhlenbeck import discrete_covariance
from langevin_sgd.training.data import loading as data
from langevin_sgd.training.data.digits import DigitsData
from langevin_sgd.training.minibatches import Minibatches
from langevin_sgd.training.threads import Workers, shares

Array = NDArray[np.float64]

SEED, BATCH_SIZE, WEIGHT_DECAY = 1, 16, 0.01
MEASURED_REPLICAS, MEASURED_STEPS = 64, 20_000
REPEATS, ITERATIONS = 2, 4
SLOWEST = 1.0 / WEIGHT_DECAY  # relaxation time of the flattest modes, in units of 1/eta steps


@dataclass(frozen=True)
class SoftmaxRegression:
    """The training set and the derivatives of its loss in closed form; weights are (..., class, input), bias last."""

    inputs: Tensor
    labels: Tensor
    classes: int

    @classmethod
    def of_digits(cls) -> SoftmaxRegression:
        loaded = data.load(DigitsData(), SEED)
        inputs = torch.from_numpy(np.pad(loaded.train_inputs, ((0, 0), (0, 1)), constant_values=1.0))
        return cls(inputs, torch.from_numpy(loaded.train_labels), loaded.classes)

    @cached_property
    def pairs(self) -> Tensor:
        """x_a x_b of every sample, (sample, input * input)."""
        return (self.inputs[:, :, None] * self.inputs[:, None, :]).flatten(1)

    def from_parameters(self, values: Array) -> Tensor:
        """Weights (class, input) from the package's order: weights, then biases."""
        flat = torch.from_numpy(values)
        bias = flat[-self.classes :, None]
        return torch.cat([flat[: -self.classes].view(self.classes, -1), bias], dim=1)

    def residual(self, weights: Tensor) -> Tensor:
        """softmax - one hot of weights (draw, class, input): (class, sample, draw)."""
        logits = self.inputs.to(weights.dtype) @ weights.permute(2, 1, 0).flatten(1)
        p = torch.softmax(logits.view(len(self.labels), self.classes, -1), dim=1)
        p[torch.arange(len(self.labels)), self.labels] -= 1.0
        return p

    def loss_gradient(self, weights: Tensor) -> Tensor:
        """Gradient of the mean cross entropy at weights (draw, class, input)."""
        residual = self.residual(weights).flatten(1)
        gradient = residual.T @ self.inputs.to(weights.dtype) / len(self.labels)
        return gradient.view(self.classes, len(weights), -1).transpose(0, 1)

    def averages(self, weights: Tensor) -> tuple[Array, Array, Array]:
        """<grad> (d,), <Hessian> (d, d) and <C> (d, d) of the cross entropy over weights (draw, class, input)."""
        samples, draws = len(self.labels), len(weights)
        residual = self.residual(weights)
        gradient = (residual.flatten(1).T @ self.inputs / samples).view(self.classes, draws, -1)
        gradient = gradient.transpose(0, 1).flatten(1)
        second = torch.einsum("nkd,nld->kln", residual, residual) / draws
        one_hot = torch.nn.functional.one_hot(self.labels, self.classes).to(residual.dtype).T
        mean = residual.mean(2).T + one_hot  # <p>, and <p p^T> = <(r + y)(r + y)^T> below
        product = second + mean[:, None] * one_hot + one_hot[:, None] * mean - one_hot[:, None] * one_hot
        curvature = torch.diag_embed(mean.T).permute(1, 2, 0) - product
        covariance = self._outer(second) - gradient.T @ gradient / draws
        return gradient.mean(0).numpy(), self._outer(curvature).numpy(), covariance.numpy()

    def _outer(self, blocks: Tensor) -> Tensor:
        """(1/N) sum_n blocks_n x_n x_n^T of blocks (class, class, sample), in the order of flattened weights."""
        summed = blocks.flatten(0, 1) @ self.pairs / len(self.labels)
        width = self.inputs.shape[1]
        return (
            summed.view(self.classes, self.classes, width, width).transpose(1, 2).reshape(2 * (self.classes * width,))
        )


def stationary(hessian: Array, noise_covariance: Array, eta: float) -> Array:
    """S of the discrete law, (d, d)."""
    k, v = np.linalg.eigh(hessian)
    return v @ discrete_covariance(k, v.T @ noise_covariance @ v, eta, BATCH_SIZE) @ v.T


def predicted(
    problem: SoftmaxRegression, minimum: Tensor, eta: float, *, drift: bool, noise: bool
) -> tuple[float, float]:
    """Total variance over the law at the minimum, and its standard error over repeated draws.

    `drift` and `noise` say whether H and C are averaged over w ~ N(m, S) or those at the minimum.
    """
    decay = WEIGHT_DECAY * np.eye(minimum.numel())
    _, h_0, c_0 = problem.averages(minimum[None])
    law = stationary(h_0 + decay, c_0, eta)
    totals = []
    for repeat in range(REPEATS):
        # as many draws as dimensions, at right angles: their covariance is exact, which leaves little scatter
        d = minimum.numel()
        z = np.sqrt(d) * np.linalg.qr(np.random.default_rng(repeat).standard_normal((d, d)))[0]
        m, s = minimum.flatten().numpy().copy(), law
        for _ in range(ITERATIONS):
            floor = 1e-12 * np.trace(s) * np.eye(len(s))  # S is singular, where no noise reaches
            step = z @ np.linalg.cholesky(s + floor).T
            draws = torch.from_numpy(m + np.concatenate([step, -step]))  # in pairs: odd orders cancel
            g, h, c = problem.averages(draws.view(-1, *minimum.shape))
            h = (h if drift else h_0) + decay
            if drift:
                m = m - np.linalg.solve(h, g + WEIGHT_DECAY * m)
            s = stationary(h, c if noise else c_0, eta)
        totals.append(np.trace(s) / np.trace(law))
    return float(np.mean(totals)), float(np.std(totals, ddof=1) / np.sqrt(REPEATS))


PROCESSES = ("SGD", "linear drift, real noise", "real drift, frozen noise", "linear drift, frozen noise")


def controls(
    problem: SoftmaxRegression, minimum: Tensor, eta: float, replicas: int, steps: int
) -> dict[str, tuple[float, float]]:
    """Total variance of the first three of `PROCESSES` over that of the last, each with its jackknife error."""
    with Workers(torch.get_num_threads()) as workers:
        pieces = shares(replicas, workers.count)
        parts = workers.map(lambda piece: moments(problem, minimum, eta, replicas, steps, piece), pieces)
    moment_1, moment_2 = np.concatenate(parts, axis=1)
    variance = pooled_variance(moment_1, moment_2).sum(-1)
    without = leave_one_out_variance(moment_1, moment_2).sum(-1)
    errors = jackknife_stderr(without[:, :-1] / without[:, -1:])
    return {
        name: (float(value / variance[-1]), float(error))
        for name, value, error in zip(PROCESSES[:-1], variance[:-1], errors, strict=True)
    }


def moments(problem: SoftmaxRegression, minimum: Tensor, eta: float, replicas: int, steps: int, piece: slice) -> Array:
    """Time averages of w - w* and of its square, (2, replica, process, d), for a piece of the replicas."""
    sgd = Sgd(learning_rate=eta, batch_size=BATCH_SIZE, weight_decay=WEIGHT_DECAY)
    minibatches = Minibatches.of(sgd, seed=SEED, replicas=replicas, samples=len(problem.labels))
    _, hessian, _ = problem.averages(minimum[None])
    h = torch.from_numpy(hessian + WEIGHT_DECAY * np.eye(len(hessian))).float()
    frozen_residual = problem.residual(minimum[None])[:, :, 0].float()
    inputs, centre = problem.inputs.float(), minimum.float()
    one_hot = torch.nn.functional.one_hot(problem.labels, problem.classes).float()
    w = centre.expand(len(PROCESSES), piece.stop - piece.start, *centre.shape).clone()
    sums = np.zeros((2, *w.shape[:2], centre.numel()))
    burn_in, samples, step = round(5 * SLOWEST / eta), 0, 0
    while step < steps:
        for indices in minibatches.block(step, steps - step):
            index = torch.from_numpy(indices[piece])
            x, y = inputs[index], one_hot[index]
            noisy = torch.softmax(x @ w[:2].mT, dim=-1).sub_(y).mT @ x / BATCH_SIZE
            frozen = frozen_residual[index].mT @ x / BATCH_SIZE + WEIGHT_DECAY * centre
            full = problem.loss_gradient(w[1:3].flatten(0, 1)).view(2, *w.shape[1:])
            linear = ((w[1::2] - centre).flatten(2) @ h).view(2, *w.shape[1:])
            moves = (
                noisy[0] + WEIGHT_DECAY * w[0],
                linear[0] + noisy[1] - full[0],
                full[1] + WEIGHT_DECAY * w[2] + frozen,
                linear[1] + frozen,
            )
            w -= eta * torch.stack(moves)
            step += 1
            if step > burn_in and step % 10 == 0:
                away = (w - centre).flatten(2).double().numpy()
                sums += away, away**2
                samples += 1
    return np.swapaxes(sums / samples, 1, 2)


def trained(eta: float) -> xr.Dataset:
    """SGD by the package, with H and C at the minimum and the stationary variances."""
    network = {
        "kind": "network",
        "architecture": {"kind": "softmax"},
        "start": "minimum",
        "replicas": MEASURED_REPLICAS,
        "steps": MEASURED_STEPS,
    }
    study = {
        "name": "position_dependent_noise",
        "seed": SEED,
        "sgd": {"learning_rate": eta, "batch_size": BATCH_SIZE, "weight_decay": WEIGHT_DECAY},
        "models": {"network": network},
        "checks": [],
    }
    return lsgd.simulate(study)["network"].to_dataset()


def table(replicas: int, steps: int) -> list[dict[str, object]]:
    """One row a learning rate and process: total variance over the law with H and C at the minimum."""
    problem = SoftmaxRegression.of_digits()
    rows: list[dict[str, object]] = []
    for eta in (0.1, 0.5):
        run = trained(eta)
        minimum = problem.from_parameters(run["minimum"].values)
        _, hessian, covariance = problem.averages(minimum[None])
        law = float(np.trace(stationary(hessian + WEIGHT_DECAY * np.eye(len(hessian)), covariance, eta)))
        assert np.isclose(law, float(run["mode_variance_predicted"].sum()), rtol=1e-9), "closed forms differ"
        window = StationaryWindow.from_dataset(run)
        assert window is not None
        closed = predicted(problem, minimum, eta, drift=True, noise=True)
        measured = tuple(value / law for value in total_variance(window))
        rows.append({"eta": eta, "process": "SGD, by the package", "predicted": closed, "measured": measured})
    same = controls(problem, minimum, eta, replicas, steps)
    closures = (
        closed,
        predicted(problem, minimum, eta, drift=False, noise=True),
        predicted(problem, minimum, eta, drift=True, noise=False),
    )
    for name, closed in zip(PROCESSES[:-1], closures, strict=True):
        rows.append({"eta": eta, "process": name, "predicted": closed, "measured": same[name]})
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--replicas", type=int, default=32)
    parser.add_argument("--steps", type=int, default=4_000)
    given = parser.parse_args()
    rows = table(given.replicas, given.steps)
    if given.json:
        print(json.dumps(rows))
        return
    print("total variance over the law with H and C at the minimum (± one standard error)")
    print("| eta | process | predicted | measured |")
    print("|---|---|---|---|")
    for row in rows:
        cells = [f"{value:.4f} ± {error:.4f}" for value, error in (row["predicted"], row["measured"])]
        print(f"| {row['eta']:g} | {row['process']} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
