import time

import numpy as np
import pytest
import torch
from torch import nn

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.errors import UserError
from langevin_sgd.training import batched, ensemble
from langevin_sgd.training.energy import Samples
from langevin_sgd.training.ensemble import Ensemble
from langevin_sgd.training.minibatches import Minibatches, minibatch_indices
from langevin_sgd.training.network import Network
from langevin_sgd.training.threads import Workers
from langevin_sgd.training.tracing import trace
from langevin_sgd.training.update_rules.sgd.config import SgdRule

STEPS = 60


def _weights(network: Network, replicas: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(2)
    return 0.3 * torch.randn(100, network.size, dtype=torch.float64, generator=generator)[:replicas]


def _train(network: Network, samples: Samples, sgd: Sgd, replicas: int, *, steps: int = STEPS, threads: int = 1):
    dtype = next(network.module.parameters()).dtype
    with Workers(threads) as workers:
        made = Ensemble(
            network, samples.to(dtype), sgd, weights=_weights(network, replicas), dtype=dtype, workers=workers
        )
        made.advance(Minibatches.of(sgd, seed=3, replicas=replicas, samples=len(samples)), 0, steps)
    return made.weights.clone()


def _with_torch(network: Network, samples: Samples, sgd: Sgd, replica: int) -> torch.Tensor:
    """The same minibatches through torch.optim.SGD and torch's own cross entropy."""
    network = Network.of(network.module, dtype=torch.float64)
    parameters = [p.detach().clone().requires_grad_() for p in network.parameters(_weights(network, replica + 1)[-1])]
    optimiser = torch.optim.SGD(parameters, lr=sgd.learning_rate, momentum=sgd.momentum, weight_decay=sgd.weight_decay)
    minibatches = Minibatches.of(sgd, seed=3, replicas=replica + 1, samples=len(samples))
    for step in range(STEPS):
        index = torch.from_numpy(minibatches.block(step, 1)[0, replica])
        optimiser.zero_grad()
        outputs = network.outputs(parameters, samples.inputs[index])
        nn.functional.cross_entropy(outputs, samples.labels[index]).backward()
        optimiser.step()
    return network.flatten(parameters).detach()


@pytest.mark.covering(strength=2)
@pytest.mark.parametrize("sampling", ["with_replacement", "epoch"])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("weight_decay", [0.0, 0.02])
@pytest.mark.parametrize("hidden", [False, True])
def test_every_replica_is_torch_sgd(make_network, samples, sampling, momentum, weight_decay, hidden):
    layers = [nn.Linear(9, 6), nn.Tanh(), nn.Linear(6, 4)] if hidden else [nn.Linear(9, 4)]
    network = make_network(*layers)
    sgd = Sgd(learning_rate=0.2, batch_size=7, momentum=momentum, weight_decay=weight_decay, sampling=sampling)
    found = _train(network, samples, sgd, 3)
    for replica in range(3):
        torch.testing.assert_close(found[replica], _with_torch(network, samples, sgd, replica), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(
    "wrong", [{"momentum": 0.89}, {"weight_decay": 0.019}, {"learning_rate": 0.1999}, {"sampling": "epoch"}]
)
def test_a_wrong_rule_would_be_seen(make_network, samples, wrong):
    network = make_network(nn.Linear(9, 4))
    right = {"learning_rate": 0.2, "batch_size": 7, "momentum": 0.9, "weight_decay": 0.02}
    found = _train(network, samples, Sgd(**{**right, **wrong}), 2)
    assert not torch.allclose(found[1], _with_torch(network, samples, Sgd(**right), 1), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("sampling", ["with_replacement", "epoch"])
@pytest.mark.parametrize("wrong", [0, 1])
def test_the_indices_of_the_public_function_are_those_that_a_training_used(make_network, samples, sampling, wrong):
    """A step of SGD written out for these samples lands where the ensemble did; for those of the step before, not."""
    network = make_network(nn.Linear(9, 4))
    sgd = Sgd(learning_rate=0.2, batch_size=7, sampling=sampling)
    w = _weights(network, 2)
    for step in range(35):
        index = minibatch_indices(
            3, [0, 1], max(step - wrong, 0), samples=len(samples), batch_size=7, sampling=sampling
        )
        for replica in range(2):
            part = samples.inputs[index[replica]], samples.labels[index[replica]]
            leaf = w[replica].clone().requires_grad_()
            nn.functional.cross_entropy(network.outputs(network.parameters(leaf), part[0]), part[1]).backward()
            w[replica] -= 0.2 * leaf.grad
    found = _train(network, samples, sgd, 2, steps=35)
    assert torch.allclose(found, w, rtol=1e-10, atol=1e-11) == (not wrong)


MODULES = {
    "softmax": lambda: [nn.Linear(9, 4)],
    "tanh": lambda: [nn.Linear(9, 13), nn.Tanh(), nn.Linear(13, 4)],
    "gelu": lambda: [nn.Linear(9, 5), nn.GELU(), nn.LayerNorm(5), nn.Linear(5, 4)],
    "convolution": lambda: [nn.Unflatten(1, (1, 9)), nn.Conv1d(1, 3, 4), nn.ReLU(), nn.Flatten(), nn.Linear(18, 4)],
    "wide": lambda: [nn.Linear(9, 300), nn.ReLU(), nn.Linear(300, 64), nn.Tanh(), nn.Linear(64, 4)],
}


@pytest.mark.covering
@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("evicting", [False, True])
@pytest.mark.parametrize("shared_out", [[(1, 1), (13, 1), (64, 3)], [(8, 1), (33, 2)]])  # a trace for each
def test_bits_depend_neither_on_other_replicas_nor_on_threads(
    make_network, samples, name, dtype, evicting, shared_out, monkeypatch
):
    monkeypatch.setattr(ensemble, "_SECONDS_WORTH_A_THREAD", 1e-9)  # share out even this little work
    monkeypatch.setattr(ensemble, "_BYTES_THAT_EVICT", 0 if evicting else 1 << 30)
    network = make_network(*MODULES[name](), dtype=dtype)
    sgd = Sgd(learning_rate=0.1, batch_size=7, momentum=0.5, weight_decay=0.01)
    many = _train(network, samples, sgd, 64, steps=11)
    for replicas, threads in shared_out:
        assert torch.equal(_train(network, samples, sgd, replicas, steps=11, threads=threads), many[:replicas])


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("replicas", [1, 5])
def test_it_goes_on_from_a_saved_state_to_the_same_bits(make_network, samples, momentum, replicas):
    network = make_network(nn.Linear(9, 4), dtype=torch.float32)
    sgd = Sgd(learning_rate=0.2, batch_size=7, momentum=momentum, weight_decay=0.01, sampling="epoch")
    whole = _train(network, samples, sgd, replicas)

    def make() -> Ensemble:
        start = _weights(network, replicas)
        return Ensemble(network, samples.to(torch.float32), sgd, weights=start, dtype=torch.float32, workers=Workers(1))

    minibatches = Minibatches.of(sgd, seed=3, replicas=replicas, samples=len(samples))
    first, second = make(), make()
    first.advance(minibatches, 0, 25)
    state = first.state()
    first.advance(minibatches, 25, 30)  # must not reach into the saved state
    second.restore(state)
    second.advance(minibatches, 25, STEPS)
    assert torch.equal(second.weights, whole)


@pytest.mark.parametrize("momentum", [(0.0, 0.0), (0.5, 0.9)])
@pytest.mark.parametrize("weight_decay", [(0.0, 0.0), (0.02, 0.3)])
def test_replicas_with_numbers_of_their_own_move_as_they_do_among_their_like(
    make_network, samples, momentum, weight_decay, monkeypatch
):
    monkeypatch.setattr(ensemble, "_BYTES_OF_A_BLOCK", 1 << 15)  # several blocks
    network = make_network(nn.Linear(9, 6), nn.Tanh(), nn.Linear(6, 4), dtype=torch.float32)
    numbers = zip((0.2, 0.03), momentum, weight_decay, strict=True)
    sgds = [Sgd(learning_rate=eta, batch_size=7, momentum=mu, weight_decay=decay) for eta, mu, decay in numbers]
    rule = SgdRule(kind="sgd")
    assert rule.alike(sgds[0]) == rule.alike(sgds[1])
    alone = torch.cat([_train(network, samples, sgd, 16) for sgd in sgds])
    assert not torch.allclose(alone[:16], alone[16:], rtol=0.1)
    drawn = Minibatches.of(sgds[0], seed=3, replicas=16, samples=len(samples))

    class Twice:
        def block(self, step: int, at_most: int) -> np.ndarray:
            return np.tile(drawn.block(step, at_most), (1, 2, 1))

    made = Ensemble(
        network, samples.to(torch.float32), sgds[0], own=[sgd for sgd in sgds for _ in range(16)],
        weights=_weights(network, 16).repeat(2, 1), dtype=torch.float32, workers=Workers(1),
    )  # fmt: skip
    made.advance(Twice(), 0, STEPS)
    assert torch.equal(made.weights, alone)


def test_the_start_is_not_written_to(make_network, samples):
    network = make_network(nn.Linear(9, 4))
    start = _weights(network, 2)
    before = start.clone()
    sgd = Sgd(learning_rate=0.2, batch_size=7)
    made = Ensemble(network, samples, sgd, weights=start, dtype=torch.float64, workers=Workers(1))
    made.advance(Minibatches.of(sgd, seed=3, replicas=2, samples=len(samples)), 0, 3)
    assert torch.equal(start, before)
    assert not torch.equal(made.weights, before)


def test_blocks_of_as_many_replicas_share_a_trace(make_network, samples, monkeypatch):
    traced = []
    monkeypatch.setattr(ensemble, "_SECONDS_WORTH_A_THREAD", 1e-9)
    monkeypatch.setattr(batched, "trace", lambda *given, **options: traced.append(1) or trace(*given, **options))
    network = make_network(nn.Linear(9, 4))
    _train(network, samples, Sgd(learning_rate=0.1, batch_size=7), 64, steps=1, threads=4)
    assert len(traced) == 2  # of 64, which is timed, and of four times 16


@pytest.mark.parametrize("slower", ["one thread", "two threads"])
def test_whether_threads_gain_anything_is_tried(make_network, samples, monkeypatch, slower):
    """Blocks that take longer beside one another stay on one core, and the bits are the same."""
    monkeypatch.setattr(ensemble, "_SECONDS_WORTH_A_THREAD", 1e-9)
    monkeypatch.setattr(ensemble, "_CERTAINLY_WORTH", 1e9)
    used = []

    class Counted(Workers):
        def map(self, function, items, *, at_most=None):
            used.append(at_most)
            if (at_most == 1) == (slower == "one thread"):
                time.sleep(0.01)
            return super().map(function, items, at_most=at_most)

    network = make_network(nn.Linear(9, 4))
    sgd = Sgd(learning_rate=0.1, batch_size=7)
    with Counted(2) as workers:
        made = Ensemble(network, samples, sgd, weights=_weights(network, 64), dtype=torch.float64, workers=workers)
        assert {1, 2} <= set(used)
        made.advance(Minibatches.of(sgd, seed=3, replicas=64, samples=len(samples)), 0, 5)
    assert used[-1] == (2 if slower == "one thread" else 1)
    assert torch.equal(made.weights, _train(network, samples, sgd, 64, steps=5))


class _Branching(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(9, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x) if bool(self.linear.weight.sum() > 0) else -self.linear(x)


class _Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer, self.linear = nn.LSTM(3, 5, batch_first=True), nn.Linear(5, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(self.layer(x.view(len(x), 3, 3))[0][:, -1])


@pytest.mark.parametrize(("made", "dtype"), [(_Branching, torch.float64), (_Recurrent, torch.float32)])
def test_a_network_that_cannot_be_vectorised_is_trained_one_by_one_to_the_same_bits(samples, made, dtype, monkeypatch):
    monkeypatch.setattr(ensemble, "_SECONDS_WORTH_A_THREAD", 1e-9)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Network.of(made(), dtype=dtype)
    sgd = Sgd(learning_rate=0.2, batch_size=7, momentum=0.5)
    start = _weights(network, 9)
    with Workers(1) as workers:
        one = Ensemble(network, samples.to(dtype), sgd, weights=start[:2], dtype=dtype, workers=workers)
    assert "cannot be trained as an ensemble" in one.one_by_one.render()
    assert "\n" not in one.one_by_one.render()
    many = _train(network, samples, sgd, 9, steps=4, threads=2)
    assert torch.equal(_train(network, samples, sgd, 4, steps=4), many[:4])
    assert torch.equal(_train(network, samples, sgd, 1, steps=4), many[:1])
    found = _train(network, samples, sgd, 2)
    for replica in range(2):
        expected = _with_torch(network, samples, sgd, replica).to(dtype)
        tolerance = {"rtol": 1e-10, "atol": 1e-11} if dtype == torch.float64 else {"rtol": 1e-4, "atol": 1e-4}
        torch.testing.assert_close(found[replica], expected, **tolerance)


class _Unfit(_Branching):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x)[:, 7]


def test_a_network_that_cannot_be_evaluated_at_all_is_refused_in_one_line(samples):
    with pytest.raises(UserError, match="cannot be trained as an ensemble") as error:
        _train(Network.of(_Unfit(), dtype=torch.float64), samples, Sgd(learning_rate=0.2, batch_size=7), 2)
    assert "\n" not in error.value.render()


def test_weights_in_single_precision_stay_close_to_double(make_network, samples):
    sgd = Sgd(learning_rate=0.2, batch_size=7, weight_decay=0.01)
    double = _train(make_network(nn.Linear(9, 4)), samples, sgd, 2)
    single = _train(make_network(nn.Linear(9, 4), dtype=torch.float32), samples, sgd, 2)
    assert single.dtype == torch.float32
    assert np.abs((single.double() - double).numpy()).max() < 1e-5


def test_weak_decay_in_single_precision_has_the_rate_of_the_config(make_network):
    """Without a gradient w falls as (1 - eta decay)^n; the float32 next to 1 - 1e-6 is 1.3% further away from 1."""
    network = make_network(nn.Linear(9, 4, bias=False), dtype=torch.float32)
    nothing = Samples(torch.zeros(5, 9), torch.zeros(5, dtype=torch.int64))
    sgd = Sgd(learning_rate=0.1, batch_size=2, weight_decay=1e-5)
    start = torch.exp2(torch.rand(64, network.size, generator=torch.Generator().manual_seed(4)))
    made = Ensemble(network, nothing, sgd, weights=start, dtype=torch.float32, workers=Workers(1))
    steps = 1000
    made.advance(Minibatches.of(sgd, seed=3, replicas=64, samples=5), 0, steps)
    rate = -torch.log(made.weights.double() / start.double()).numpy() / (steps * 1e-6)
    # of each weight it is off by its own rounding, up to 6%; four standard errors of the mean are 0.27%
    assert abs(rate.mean() - 1) < 4 * rate.std() / np.sqrt(rate.size)
    assert rate.std() < 0.06
