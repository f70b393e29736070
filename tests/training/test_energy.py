import numpy as np
import pytest
import torch
from torch import nn

from langevin_sgd.training.energy import Evaluator, Samples, decay_energy
from langevin_sgd.training.threads import Workers


@pytest.fixture
def evaluate(make_network, samples, monkeypatch):
    monkeypatch.setattr("langevin_sgd.training.chunks.SAMPLES_AT_A_TIME", 50)  # five chunks, the last one short
    network = make_network(nn.Linear(9, 7), nn.GELU(), nn.Linear(7, 4))

    def run(weights: torch.Tensor, threads: int = 1, data: Samples = samples):
        with Workers(threads) as workers:
            return Evaluator(network, data, workers)(weights)

    return network, run


def test_loss_and_accuracy_are_those_of_torch(evaluate, samples):
    network, run = evaluate
    weights = torch.randn(5, network.size, dtype=torch.float64)
    found = run(weights)
    for replica in range(5):
        outputs = network.outputs(network.parameters(weights[replica]), samples.inputs)
        np.testing.assert_allclose(
            found.loss[replica], nn.functional.cross_entropy(outputs, samples.labels).item(), rtol=1e-13
        )
        assert found.accuracy[replica] == (outputs.argmax(1) == samples.labels).double().mean()


def test_bits_depend_neither_on_other_replicas_nor_on_threads(evaluate):
    network, run = evaluate
    weights = torch.randn(64, network.size)
    many = run(weights)
    for replicas, threads in [(8, 1), (1, 1), (13, 2), (64, 3), (35, 2)]:
        few = run(weights[:replicas], threads)
        assert np.array_equal(few.loss, many.loss[:replicas])
        assert np.array_equal(few.accuracy, many.accuracy[:replicas])


def test_few_samples_are_one_chunk(evaluate, samples):
    network, run = evaluate
    few = Samples(samples.inputs[:3], samples.labels[:3])
    weights = torch.randn(2, network.size, dtype=torch.float64)
    outputs = network.outputs(network.parameters(weights[0]), few.inputs)
    np.testing.assert_allclose(run(weights, data=few).loss[0], nn.functional.cross_entropy(outputs, few.labels).item())


def test_a_tie_is_no_correct_answer(evaluate):
    network, run = evaluate
    assert run(torch.zeros(2, network.size)).accuracy.tolist() == [0, 0]
    np.testing.assert_allclose(run(torch.zeros(2, network.size)).loss, np.log(4), rtol=1e-14)


def test_large_outputs_do_not_overflow(evaluate):
    network, run = evaluate
    assert np.isfinite(run(1e100 * torch.ones(2, network.size, dtype=torch.float64)).loss).all()


def test_decay_energy():
    weights = torch.tensor([[3.0, 4.0], [0.0, 1.0]])
    np.testing.assert_allclose(decay_energy(weights, 0.5), [6.25, 0.25])
