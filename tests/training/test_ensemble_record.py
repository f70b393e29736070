import numpy as np
import pytest
import torch
from torch import nn

from langevin_sgd.models import declared
from langevin_sgd.training.energy import Evaluator
from langevin_sgd.training.ensemble_record import EnsembleRecord, Reference
from langevin_sgd.training.threads import Workers
from langevin_sgd.training.view import Instruments, View

RECORD, SAMPLE = np.array([0, 1, 4]), np.array([2, 4, 6])
DECAY = 0.1


@pytest.fixture
def make(make_network, samples):
    network = make_network(nn.Linear(9, 4))
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(network.size, network.size)))[0]
    position = rng.normal(size=network.size)
    path = torch.from_numpy(position + 0.1 * rng.normal(size=(8, 64, network.size)))

    def run(replicas: int, threads: int = 1, split: int | None = None) -> dict:
        def recorder() -> EnsembleRecord:
            energy = float(instruments.energies(torch.from_numpy(position[None]))[0])
            return EnsembleRecord(
                start=path[0, :replicas],
                record=RECORD,
                evaluated=RECORD,
                sample=SAMPLE,
                test=False,
                reference=Reference(position, basis, energy),
                workers=workers,
            )

        workers = Workers(threads)
        instruments = Instruments(network, samples, None, weight_decay=DECAY, workers=workers)
        made = recorder()
        for step in range(8):
            if step == split:
                other = recorder()
                other.restore(made.state())
                made = other
            if step in made.steps:
                made.observe(View(step, path[step, :replicas], instruments))
        return dict(made.finish(View(7, path[7, :replicas], instruments)))

    return run, path.numpy(), position, basis, Evaluator(network, samples, Workers(1))


def test_everything_is_what_it_says(make):
    run, path, position, basis, evaluate = make
    found = run(64)
    assert set(found) < set(declared())
    losses = np.stack([evaluate(torch.from_numpy(path[step])).loss for step in range(8)])
    energies = losses + DECAY / 2 * (path**2).sum(-1)
    np.testing.assert_allclose(found["energy"], energies[RECORD].T, rtol=1e-13)
    np.testing.assert_allclose(found["train_loss"], losses[RECORD].T, rtol=1e-13)
    np.testing.assert_allclose(found["squared_displacement"], ((path - path[0]) ** 2).sum(-1)[RECORD].T, rtol=1e-12)
    lowest = evaluate(torch.from_numpy(position[None])).loss[0] + DECAY / 2 * position @ position
    np.testing.assert_allclose(found["energy_at_minimum"], lowest, rtol=1e-14)
    np.testing.assert_allclose(found["stationary_energy"], energies[SAMPLE].T - lowest, rtol=1e-11)
    modes = (path[SAMPLE] - position) @ basis
    np.testing.assert_allclose(found["mode_moment_1"], modes.mean(0), atol=1e-14)
    np.testing.assert_allclose(found["mode_moment_2"], (modes**2).mean(0), atol=1e-14)
    spread = path[4] - path[0]
    np.testing.assert_allclose(found["spread"][2], spread.var(0, ddof=1).sum(), rtol=1e-12)
    assert "test_loss" not in found


def test_bits_depend_neither_on_other_replicas_nor_on_threads(make):
    run = make[0]
    many = run(64)
    per_replica = [name for name, value in many.items() if np.ndim(value) == 2]
    assert len(per_replica) >= 6
    for replicas, threads in [(8, 1), (1, 1), (40, 3)]:
        few = run(replicas, threads)
        for name in per_replica:
            assert np.array_equal(few[name], many[name][:replicas]), name


def test_it_goes_on_from_a_saved_state(make):
    run = make[0]
    whole, resumed = run(5), run(5, split=5)
    for name, value in whole.items():
        assert np.array_equal(value, resumed[name], equal_nan=True), name
