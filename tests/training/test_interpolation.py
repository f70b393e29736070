"""The line through two minima: its tables, its landmarks and what walks on it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.errors import UserError
from langevin_sgd.training import initial, interpolation_walkers
from langevin_sgd.training.architectures import checking as architectures
from langevin_sgd.training.architectures.mlp import MultilayerPerceptron
from langevin_sgd.training.energy import Samples
from langevin_sgd.training.full_batch import FullBatch
from langevin_sgd.training.interpolation import Landmarks, LossOnLine, endpoint, landmarks, tabulate
from langevin_sgd.training.interpolation_walkers import Walkers
from langevin_sgd.training.minibatches import Minibatches
from langevin_sgd.training.network import Network
from langevin_sgd.training.threads import Workers

DECAY = 0.03
S = np.linspace(-0.5, 1.5, 41)


def problem() -> tuple[Network, Samples, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    samples = Samples.of(rng.normal(size=(50, 6)), rng.integers(0, 3, 50), dtype=torch.float64)
    architecture = MultilayerPerceptron(kind="mlp", hidden=(4,), activation="tanh")
    module = initial.build_with_seed(lambda: architectures.build(architecture, (6,), 3), 1, 0)
    network = Network.of(module, dtype=torch.float64)
    first, second = rng.normal(size=(2, network.size))
    return network, samples, first, second


def test_the_tables_are_the_full_loss_and_every_samples_gradient_projected_on_the_line() -> None:
    network, samples, first, second = problem()
    with Workers(1) as workers:
        line = tabulate(network, samples, DECAY, first=first, second=second, position=S, workers=workers)
        full = FullBatch(network, samples, DECAY, workers)
        for index in (0, 13, 40):
            w = first + S[index] * (second - first)
            energy, gradient = full.energy_and_gradient(w)
            assert line.energy[index] == pytest.approx(energy, rel=1e-12)
            assert line.gradient[index] == pytest.approx(gradient @ (second - first), rel=1e-6)
            rows: list[torch.Tensor] = []
            full.sample_gradients(w, rows.append)
            along = (torch.cat(rows).numpy() + DECAY * w) @ (second - first)
            np.testing.assert_allclose(line.sample_gradients[:, index], along, rtol=1e-5, atol=1e-6)
            assert line.noise[index] == pytest.approx(along.var(), rel=1e-5)


def test_the_tables_do_not_depend_on_threads() -> None:
    network, samples, first, second = problem()
    lines = []
    for threads in (1, 3):
        with Workers(threads) as workers:
            lines.append(tabulate(network, samples, DECAY, first=first, second=second, position=S, workers=workers))
    np.testing.assert_array_equal(lines[0].sample_gradients, lines[1].sample_gradients)
    np.testing.assert_array_equal(lines[0].energy, lines[1].energy)


def test_an_endpoint_is_plain_sgd_on_its_own_minibatches_and_lowers_the_loss() -> None:
    network, samples, first, _ = problem()
    sgd = Sgd(learning_rate=0.2, batch_size=5, weight_decay=DECAY)
    start = torch.from_numpy(first)
    with Workers(1) as workers:
        full = FullBatch(network, samples, DECAY, workers)
        a, again, b = (
            endpoint(network, samples, sgd, start=start, steps=300, seed=3, number=n, workers=workers)
            for n in (0, 0, 1)
        )
        np.testing.assert_array_equal(a, again)
        assert np.abs(a - b).max() > 1e-3
        assert full.energy_and_gradient(a).energy < 0.6 * full.energy_and_gradient(first).energy
        wild = sgd.model_copy(update={"learning_rate": 1e20})
        with pytest.raises(UserError, match=r"endpoint with learning rate 1e\+20.*diverged; reduce"):
            endpoint(network, samples, wild, start=start, steps=300, seed=3, number=0, workers=workers)


def double_well(samples: int = 64, *, tilt: float = 0.0, skew: float = 1.0) -> LossOnLine:
    """E = 4 s^2 (1-s)^2 + tilt s, with noise that is skewed and depends on s."""
    s = np.linspace(-1.0, 2.0, 301)
    kick = np.random.default_rng(1).exponential(size=samples) ** skew
    kick = (kick - kick.mean()) / kick.std()
    slope = 8 * s * (1 - s) * (1 - 2 * s) + tilt
    table = slope + np.outer(kick, 2.0 + np.cos(2 * s))
    return LossOnLine(s, 4 * s**2 * (1 - s) ** 2 + tilt * s, np.ascontiguousarray(table, dtype=np.float32))


def test_landmarks_are_minima_top_and_cores() -> None:
    marks = landmarks(double_well())
    assert marks == Landmarks((100, 200), 150, (0.25, 0.75))


@pytest.mark.parametrize(
    ("energy", "fault"),
    [
        (lambda s: (s - 0.3) ** 2, r"no barrier between the endpoints: the loss falls from both to s = 0.3;.*seed"),
        (lambda s: -s, r"no barrier"),
        (lambda s: -((s - 0.5) ** 2), r"falls up to the end of the range; widen range"),
    ],
)
def test_a_line_without_two_minima_is_refused(energy: Callable[[np.ndarray], np.ndarray], fault: str) -> None:
    line = double_well()
    with pytest.raises(UserError, match=fault):
        landmarks(LossOnLine(line.position, energy(line.position), line.sample_gradients))


def reference(
    line: LossOnLine, marks: Landmarks, sgd: Sgd, *, seed: int, replicas: int, steps: int
) -> dict[str, np.ndarray]:
    """The same walk in plain numpy, on the minibatches that networks draw."""
    minibatches = Minibatches.of(sgd, seed=seed, replicas=replicas, samples=len(line.sample_gradients))
    s = (np.arange(replicas) >= replicas // 2).astype(np.float64)
    core = s.astype(int)
    left, stays, moves = np.zeros(replicas), np.zeros((replicas, 2)), np.zeros((replicas, 2))
    every = np.arange(replicas)
    for step in range(steps):
        u = (s - line.position[0]) / line.spacing
        cell = np.minimum(u.astype(int), line.position.size - 2)
        drawn = minibatches.block(step, 1)[0]
        here, following = (line.sample_gradients[drawn, (cell + k)[:, None]].astype(np.float64) for k in (0, 1))
        total = np.zeros(replicas)
        for values in (here + (u - cell)[:, None] * (following - here)).T:
            total += values
        s = np.clip(s - sgd.learning_rate * (total / sgd.batch_size), line.position[0], line.position[-1])
        now = np.where(s < marks.cores[0], 0, np.where(s > marks.cores[1], 1, core))
        left += s < line.position[marks.top]
        moves[every, core] += now != core
        stays[every, now] += 1
        core = now
    return {"position": s, "steps_in_first": left, "moves": moves, "steps_in_state": stays}


@pytest.mark.parametrize("batch_size", [1, 4, 6])
def test_walkers_follow_the_minibatches_of_networks_bit_for_bit(batch_size: int) -> None:
    line, sgd = double_well(), Sgd(learning_rate=0.1, batch_size=batch_size)
    marks = landmarks(line)
    with Workers(1) as workers:
        walkers = Walkers(
            line, marks, sgd, seed=2**40 + 5, replicas=70, record=np.array([0, 37, 60]), window=0, cells=30,
            workers=workers,
        )  # fmt: skip
        while walkers.step < 60:
            walkers.advance()
    expected = reference(line, marks, sgd, seed=2**40 + 5, replicas=70, steps=60)
    assert expected["moves"].sum() > 10
    state = walkers.state()
    for name, values in expected.items():
        np.testing.assert_array_equal(state[name], values, err_msg=name)
    assert state["counts"].sum() == 60 * 70
    final = (expected["position"][:35] < line.position[marks.top]).mean()
    assert walkers.occupancies()["occupancy_from"][0, 0, -1] == final  # type: ignore[index, call-overload]


def test_walkers_do_not_depend_on_threads_slices_or_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    line, sgd = double_well(), Sgd(learning_rate=0.1, batch_size=3)
    marks, record = landmarks(line), np.array([0, 10, 50])

    def walk(threads: int, replicas: int = 200) -> dict[str, np.ndarray]:
        with Workers(threads) as workers:
            walkers = Walkers(
                line, marks, sgd, seed=1, replicas=replicas, record=record, window=20, cells=30, workers=workers
            )  # fmt: skip
            while walkers.step < 50:
                walkers.advance()
            return walkers.state()

    whole = walk(1)
    half = walk(1, replicas=100)["position"]
    monkeypatch.setattr(interpolation_walkers, "_READS_AT_A_TIME", 1500)
    cut = walk(3)
    assert all(np.array_equal(whole[name], cut[name]) for name in whole)
    np.testing.assert_array_equal(half[:50], whole["position"][:50])
    assert whole["counts"].sum() == 30 * 200
