"""The exponent alpha of the loss along training is no number of the network: what it depends on, choice by choice.

A tanh network 64-32-10 on digits, cross-entropy, eta = 0.1, 40,000 steps: full-batch descent, and SGD at B = 4, 16 and
128 from the same point. alpha is fitted to the mean of (E(w) - E(w'))^2 over pairs of points of one path, in bins of
their distance equal in ln r, from r = 2 to 20 if nothing else is said: a tenth of the way of the descent to all of it.
Points are taken at 129 times equal in ln t, of which pairs count once, or by the length of the descent that their
points stand for. One row a choice, all on the same paths.

    python analysis/07_alpha_of_paths.py [--json] [--starts 1 2] [--replicas 4] [--steps 40000]

A start takes a minute of one core.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.distance import pdist
from torch import Tensor

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.estimators.path_roughness import path_roughness, stretches
from langevin_sgd.observables.schedule import log_spaced_steps
from langevin_sgd.training.data import loading as data
from langevin_sgd.training.data.digits import DigitsData
from langevin_sgd.training.minibatches import Minibatches

Array = NDArray[np.float64]
IntArray = NDArray[np.int64]

LEARNING_RATE, HIDDEN, BATCH_SIZES = 0.1, 32, (4, 16, 128)
DESCENT = 0  # the batch size that full-batch descent goes by here
SHORTEST, LONGEST, TIMES = 2.0, 20.0, 129


class Perceptrons:
    """Tanh networks with one hidden layer, one a path, trained by plain gradient descent on minibatches, float32."""

    def __init__(self, start: int, paths: int) -> None:
        loaded = data.load(DigitsData(), 1)
        self.inputs = torch.from_numpy(loaded.train_inputs).float()
        self.labels = torch.from_numpy(loaded.train_labels)
        self._one_hot = torch.nn.functional.one_hot(self.labels, loaded.classes).float()
        rng = np.random.default_rng(start)
        self._parts = []
        for fan_in, fan_out in ((self.inputs.shape[1], HIDDEN), (HIDDEN, loaded.classes)):
            bound = fan_in**-0.5  # torch's own start of a linear layer
            for shape in ((fan_in, fan_out), (1, fan_out)):
                drawn = torch.from_numpy(rng.uniform(-bound, bound, shape)).float()
                self._parts.append(drawn.repeat(paths, 1, 1))

    def positions(self) -> Array:
        """All weights, (path, weight)."""
        flat: Array = torch.cat([each.flatten(1) for each in self._parts], dim=1).double().numpy()
        return flat

    def energies(self) -> Array:
        """The loss over all samples, (path,)."""
        found = []
        for w, b, v, c in zip(*self._parts, strict=True):
            logits = torch.tanh(self.inputs @ w + b) @ v + c
            found.append(torch.nn.functional.cross_entropy(logits.double(), self.labels).item())
        return np.array(found)

    def step(self, indices: Tensor | None) -> None:
        """One step on the samples `indices` (path, B); None for all of them."""
        x = self.inputs[None] if indices is None else self.inputs[indices]
        y = self._one_hot[None] if indices is None else self._one_hot[indices]
        w, b, v, c = self._parts
        hidden = torch.tanh(torch.baddbmm(b, x, w))
        error = (torch.softmax(torch.baddbmm(c, hidden, v), dim=-1) - y) * (LEARNING_RATE / x.shape[1])
        behind = torch.bmm(error, v.mT) * (1.0 - hidden * hidden)
        v -= torch.bmm(hidden.mT, error)
        c -= error.sum(1, keepdim=True)
        w -= torch.bmm(x.mT, behind)
        b -= behind.sum(1, keepdim=True)


@dataclass(frozen=True)
class Paths:
    """Positions (path, time, weight) and energies (path, time) at `steps` (time,)."""

    steps: IntArray
    positions: Array
    energies: Array

    def at(self, steps: IntArray) -> Paths:
        """At some of the steps."""
        chosen = np.searchsorted(self.steps, steps)
        return Paths(steps, self.positions[:, chosen], self.energies[:, chosen])


def trained(start: int, batch_size: int, replicas: int, steps: IntArray) -> Paths:
    """SGD from a start on minibatches of its replicas; one path of full-batch descent for `DESCENT`."""
    paths = 1 if batch_size == DESCENT else replicas
    networks = Perceptrons(start, paths)
    sgd = Sgd(learning_rate=LEARNING_RATE, batch_size=max(batch_size, 1))
    minibatches = Minibatches.of(sgd, seed=start, replicas=paths, samples=len(networks.labels))
    positions, energies, step = [networks.positions()], [networks.energies()], 0
    for until in steps[1:]:
        while step < until:
            drawn = minibatches.block(step, int(until) - step)
            for indices in torch.from_numpy(drawn):
                networks.step(None if batch_size == DESCENT else indices)
            step += len(drawn)
        positions.append(networks.positions())
        energies.append(networks.energies())
    return Paths(steps, np.stack(positions, axis=1), np.stack(energies, axis=1))


Choice = Callable[[Paths, Paths], float]
"""alpha of paths, beside that of descent at the same steps."""


def alpha(
    *,
    times: int = TIMES,
    every: int | None = None,
    until: float = 1.0,
    low: float = SHORTEST,
    high: float = LONGEST,
    by_length: bool = False,
) -> Choice:
    """As the probe `roughness` has it, but for what is chosen; `until` is the part of the steps that is looked at."""

    def found(paths: Paths, descent: Paths) -> float:
        last = int(until * paths.steps[-1])
        steps = log_spaced_steps(last, times) if every is None else np.arange(0, last + 1, every)
        weights = stretches(descent.at(steps).positions[0]) if by_length else None
        own = paths.at(steps)
        return path_roughness(own.positions, own.energies, low=low, high=high, weights=weights).alpha

    return found


def of_typical_pairs(moment: Callable[[Array], float]) -> Choice:
    """The same bins, but of each not the mean square: `moment` of |Delta E|, which goes as r^(alpha/2)."""

    def found(paths: Paths, descent: Paths) -> float:
        own = paths.at(log_spaced_steps(int(paths.steps[-1]), TIMES))
        edges = np.geomspace(SHORTEST, LONGEST, 13)
        distance = np.concatenate([pdist(each) for each in own.positions])
        change = np.concatenate([pdist(each[:, None]) for each in own.energies])
        bins = np.searchsorted(edges, distance, side="right") - 1
        seen = [bins == each for each in range(12) if (bins == each).any()]
        ln_distance = [np.log(distance[each]).mean() for each in seen]
        ln_moment = [np.log(moment(change[each])) for each in seen]
        return float(2.0 * np.polyfit(ln_distance, ln_moment, 1)[0])

    return found


def from_the_start(paths: Paths, descent: Paths) -> float:
    """Only the pairs of which one is the start."""
    own = paths.at(log_spaced_steps(int(paths.steps[-1]), TIMES))
    distance = np.linalg.norm(own.positions[:, 1:] - own.positions[:, :1], axis=-1)
    inside = (distance >= SHORTEST) & (distance < LONGEST)
    square = (own.energies[:, 1:] - own.energies[:, :1])[inside] ** 2
    return float(np.polyfit(np.log(distance[inside]), np.log(square), 1)[0])


CHOICES: Mapping[str, Choice] = {
    "pairs count once, 129 times": alpha(),
    "33 times": alpha(times=33),
    "65 times": alpha(times=65),
    "257 times": alpha(times=257),
    "every 200 steps": alpha(every=200),
    "pairs count by length, 129 times": alpha(by_length=True),
    "by length, 65 times": alpha(times=65, by_length=True),
    "by length, 257 times": alpha(times=257, by_length=True),
    "by length, r 1 to 10": alpha(low=1.0, high=10.0, by_length=True),
    "by length, r 4 to 20": alpha(low=4.0, high=20.0, by_length=True),
    "by length, r 0.5 to 2": alpha(low=0.5, high=2.0, by_length=True),
    "by length, a quarter of the steps": alpha(until=0.25, by_length=True),
    "once, r 1 to 10": alpha(low=1.0, high=10.0),
    "once, r 4 to 20": alpha(low=4.0, high=20.0),
    "once, a quarter of the steps": alpha(until=0.25),
    "once, mean of |Delta E|": of_typical_pairs(np.mean),
    "once, median of (Delta E)^2": of_typical_pairs(np.median),
    "pairs with the start alone": from_the_start,
}


def recorded(steps: int) -> IntArray:
    """All steps at which some choice looks."""
    clocks = [log_spaced_steps(last, times) for last in (steps, steps // 4) for times in (33, 65, TIMES, 257)]
    return np.unique(np.concatenate([*clocks, np.arange(0, steps + 1, 200)]))


def table(starts: list[int], replicas: int, steps: int) -> list[dict[str, Any]]:
    """One row a choice: alpha of descent, and alpha of SGD less it, each (mean over starts, scatter of the starts)."""
    values = np.full((len(starts), len(CHOICES), 1 + len(BATCH_SIZES)), np.nan)
    for row, start in enumerate(starts):
        descent = trained(start, DESCENT, 1, recorded(steps))
        for column, batch_size in enumerate((DESCENT, *BATCH_SIZES)):
            paths = descent if batch_size == DESCENT else trained(start, batch_size, replicas, recorded(steps))
            values[row, :, column] = [choice(paths, descent) for choice in CHOICES.values()]
    values[..., 1:] -= values[..., :1]
    scatter = values.std(axis=0, ddof=1) if len(starts) > 1 else np.full(values.shape[1:], np.nan)
    return [
        {
            "choice": name,
            "descent": (mean[0], spread[0]),
            **{f"B = {batch_size}": pair for batch_size, *pair in zip(BATCH_SIZES, mean[1:], spread[1:], strict=True)},
        }
        for name, mean, spread in zip(CHOICES, values.mean(axis=0).tolist(), scatter.tolist(), strict=True)
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--starts", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--replicas", type=int, default=4)
    parser.add_argument("--steps", type=int, default=40_000)
    given = parser.parse_args()
    rows = table(given.starts, given.replicas, given.steps)
    if given.json:
        print(json.dumps(rows))
        return
    print("alpha of descent without noise, and by how much that of SGD is more (± scatter of the starts)")
    print("| choice | descent |" + "".join(f" B = {each}, less it |" for each in BATCH_SIZES))
    print("|---|---|" + "---|" * len(BATCH_SIZES))
    for row in rows:
        cells = [f"{value:.3f} ± {scatter:.3f}" for value, scatter in list(row.values())[1:]]
        print(f"| {row['choice']} | {' | '.join(cells)} |")


if __name__ == "__main__":
    with torch.inference_mode():
        torch.set_num_threads(1)
        main()
