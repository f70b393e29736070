"""The linear process with the noise of the minimum: what it is, on whose minibatches, and what it says on average."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from made_up_networks import trained
from torch import nn

from langevin_sgd.checks.stationary_window import StationaryWindow
from langevin_sgd.config.sgd import Sgd
from langevin_sgd.training import curvature, minimum
from langevin_sgd.training.beside import Beside
from langevin_sgd.training.energy import Samples
from langevin_sgd.training.full_batch import FullBatch
from langevin_sgd.training.network import Network
from langevin_sgd.training.probes.frozen_noise.config import FrozenNoiseProbe
from langevin_sgd.training.probes.section import Watched
from langevin_sgd.training.threads import Workers
from langevin_sgd.training.update_rules.linear import companion
from langevin_sgd.training.update_rules.sgd.config import SgdRule
from langevin_sgd.training.view import Instruments

SEED, REPLICAS, DECAY = 4, 5, 0.1
SAMPLE = np.array([30, 37, 41])


@pytest.fixture(scope="module")
def valley(blobs):
    """Softmax at its minimum, with the curvature there."""
    torch.manual_seed(0)
    samples = Samples.of(*blobs, dtype=torch.float64)
    network = Network.of(nn.Sequential(nn.Linear(9, 4)), dtype=torch.float64)
    full = FullBatch(network, samples, DECAY, Workers(1))
    found = minimum.find(full, network.weights().numpy(), tolerance=1e-10)
    return network, samples, found, curvature.measure(full, found.position)


def _probe(valley, sgd, rule, *, replicas=REPLICAS, sample=SAMPLE, workers=1):
    network, samples, found, measured = valley
    threads = Workers(workers)
    beside = Beside.simple(
        network, samples, sgd, start=torch.zeros(replicas, network.size), record=np.array([0]), workers=threads,
        seed=SEED, instruments=Instruments(network, samples, None, weight_decay=DECAY, workers=threads),
    )  # fmt: skip
    step = companion(rule, sgd, rule.build(sgd))
    beside = replace(beside, minimum=found, curvature=measured, step=step, sample=sample)
    watched = Watched(int(sample[-1]), replicas, network.size, sgd, 1e-6, curved=True, rule=rule, beside=beside)
    return FrozenNoiseProbe(kind="frozen_noise").build(watched), beside


def _run(probe, sample=SAMPLE, first=0):
    for step in sample[sample > first]:
        probe.advance(first, int(step))
        probe.observe(None)
        first = int(step)
    return probe.finish(None)


def _by_hand(valley, beside, sgd, *, nesterov=False):
    """Moments (replica, mode) at SAMPLE of v moved by H v + g_B(w*) in all d coordinates, weight by weight."""
    network, samples, found, measured = valley
    w = torch.from_numpy(found.position).requires_grad_()

    def loss(n):
        return nn.functional.cross_entropy(network.outputs(network.parameters(w), samples.inputs[n : n + 1]),
                                           samples.labels[n : n + 1])  # fmt: skip

    each = np.stack([torch.autograd.grad(loss(n), w)[0].numpy() for n in range(len(samples))])
    each = each + DECAY * found.position
    indices = np.concatenate([beside.minibatches().block(step, 1) for step in range(int(SAMPLE[-1]))])
    v, m, seen = np.zeros((2, REPLICAS, network.size)), np.zeros((REPLICAS, network.size)), []
    v = v[0]
    for step, own in enumerate(indices, start=1):
        g = v @ measured.hessian + each[own].mean(axis=1)
        m = sgd.momentum * m + g
        v = v - sgd.learning_rate * (g + sgd.momentum * m if nesterov else m)
        if step in SAMPLE:
            seen.append(v @ measured.eigenvectors)
    return np.mean(seen, axis=0), np.mean(np.square(seen), axis=0)


@pytest.mark.parametrize(
    ("told", "rule"),
    [
        ({}, {}),
        ({"momentum": 0.8}, {}),
        ({"momentum": 0.8}, {"nesterov": True}),
        ({"sampling": "epoch"}, {}),
    ],
)
def test_it_is_the_linear_process_on_the_trainings_minibatches(valley, told, rule):
    sgd = Sgd(**({"learning_rate": 0.2, "batch_size": 7, "weight_decay": DECAY} | told))
    probe, beside = _probe(valley, sgd, SgdRule(kind="sgd", **rule))
    found = _run(probe)
    first, second = _by_hand(valley, beside, sgd, **rule)
    scale = np.sqrt(second.max())
    np.testing.assert_allclose(found["frozen_moment_1"], first, rtol=1e-5, atol=1e-5 * scale)
    np.testing.assert_allclose(found["frozen_moment_2"], second, rtol=1e-5, atol=1e-5 * scale**2)


@pytest.mark.parametrize("told", [{}, {"momentum": 0.8}, {"sampling": "epoch"}])
def test_what_it_is_on_average_is_known(valley, told):
    """Over 512 replicas its second moments are those of its law at these steps, the first ones from the minimum too."""
    sgd = Sgd(**({"learning_rate": 0.2, "batch_size": 7, "weight_decay": DECAY} | told))
    sample = np.array([2, 9])
    probe, _ = _probe(valley, sgd, SgdRule(kind="sgd"), replicas=512, sample=sample)
    found = _run(probe, sample)
    second, expected = found["frozen_moment_2"], found["frozen_variance"]
    noisy = expected > 1e-9 * expected.max()
    stderr = second.std(axis=0, ddof=1) / np.sqrt(512)
    assert (np.abs(second.mean(axis=0) - expected)[noisy] < 4.5 * stderr[noisy]).all()
    total, each = expected.sum(), second.sum(axis=1)
    assert abs(each.mean() / total - 1.0) < 4 * each.std(ddof=1) / np.sqrt(512) / total < 0.2


def test_bits_depend_neither_on_others_nor_on_an_interruption(valley):
    sgd = Sgd(learning_rate=0.2, batch_size=7, weight_decay=DECAY, momentum=0.8)
    whole = _run(_probe(valley, sgd, SgdRule(kind="sgd"), replicas=37)[0])
    few = _run(_probe(valley, sgd, SgdRule(kind="sgd"), replicas=3)[0])
    assert np.array_equal(whole["frozen_moment_2"][:3], few["frozen_moment_2"])
    stopped = _probe(valley, sgd, SgdRule(kind="sgd"), replicas=37)[0]
    stopped.advance(0, 30)
    stopped.observe(None)
    stopped.advance(30, 33)
    resumed = _probe(valley, sgd, SgdRule(kind="sgd"), replicas=37, workers=2)[0]
    resumed.restore(stopped.state())
    resumed.advance(33, 37)
    resumed.observe(None)
    assert np.array_equal(_run(resumed, first=37)["frozen_moment_2"], whole["frozen_moment_2"])


@pytest.mark.validate
@pytest.mark.parametrize(("eta", "gain"), [(0.1, 3.5), (0.25, 3.5), (0.5, 3.0)])
def test_it_makes_errors_on_digits_smaller(eta, gain):
    """Softmax, 64 replicas of 6,000 steps: by 6.7(7) at 0.1, 5.0(6) at 0.25, 3.4(5) at 0.5; no bias. Of four such
    ensembles at 0.5 it is 3.2(2), and 2.9 to 3.6 each: 3.5 is not to be had there."""
    found = trained(
        data={"name": "digits"}, sgd={"learning_rate": eta, "batch_size": 16, "weight_decay": 0.01}, start="minimum",
        replicas=64, steps=6000, record_times=3, probes=("frozen_noise",),
    )  # fmt: skip
    plain = StationaryWindow.from_dataset(found.drop_vars("frozen_variance"))
    reduced = StationaryWindow.from_dataset(found)
    every = np.ones(plain.noisy.shape, dtype=np.bool_)
    (value, stderr), (other, smaller) = (window.summed_variance(every) for window in (plain, reduced))
    assert stderr > gain * smaller
    assert abs(value - other) < 4 * stderr
