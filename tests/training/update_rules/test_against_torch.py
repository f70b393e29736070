"""Every rule of the package against torch.optim, on the same minibatches."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.training import ensemble
from langevin_sgd.training.ensemble import Ensemble
from langevin_sgd.training.minibatches import Minibatches
from langevin_sgd.training.network import Network
from langevin_sgd.training.threads import Workers
from langevin_sgd.training.update_rules import UPDATE_RULES, checking
from langevin_sgd.training.update_rules.section import UpdateRuleSection

STEPS, REPLICAS = 500, 3
Optimiser = Callable[..., torch.optim.Optimizer]

# by name: keys of the rule, and torch's optimiser of the same with parameters, learning rate, momentum and decay
ADAM = {"betas": (0.8, 0.99), "eps": 1e-6}
RULES: dict[str, tuple[dict[str, Any], Optimiser]] = {
    "sgd": ({}, lambda p, lr, mu, decay: torch.optim.SGD(p, lr, mu, weight_decay=decay)),
    "dampened": ({"dampening": 0.4}, lambda p, lr, mu, decay: torch.optim.SGD(p, lr, mu, 0.4, decay)),
    "nesterov": ({"nesterov": True}, lambda p, lr, mu, decay: torch.optim.SGD(p, lr, mu, 0, decay, nesterov=True)),
    "adam": (
        {"beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-6},
        lambda p, lr, mu, decay: torch.optim.Adam(p, lr, weight_decay=decay, **ADAM),
    ),
    "adamw": (
        {"beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-6, "decoupled_decay": 0.2},
        lambda p, lr, mu, decay: torch.optim.AdamW(p, lr, weight_decay=0.2, **ADAM),
    ),
    "rmsprop": (
        {"smoothing": 0.9, "epsilon": 1e-6},
        lambda p, lr, mu, decay: torch.optim.RMSprop(p, lr, 0.9, 1e-6, decay, mu),
    ),
    "centered": (
        {"smoothing": 0.9, "epsilon": 1e-2, "centered": True},
        lambda p, lr, mu, decay: torch.optim.RMSprop(p, lr, 0.9, 1e-2, decay, mu, centered=True),
    ),
    "adagrad": (
        {"initial": 0.1, "epsilon": 1e-6},
        lambda p, lr, mu, decay: torch.optim.Adagrad(
            p, lr, weight_decay=decay, initial_accumulator_value=0.1, eps=1e-6
        ),
    ),
}
KIND = {"dampened": "sgd", "nesterov": "sgd", "centered": "rmsprop"}
RATE = {"sgd": 0.1, "dampened": 0.1, "nesterov": 0.05, "adagrad": 0.05}


def section(name: str, **more: Any) -> UpdateRuleSection:
    kind = KIND.get(name, name)
    return UPDATE_RULES[kind].model_validate({"kind": kind, **RULES[name][0], **more})


def trained(network, samples, sgd, rule, replicas=REPLICAS, *, steps=STEPS, threads=1, dtype=torch.float64, start=None):
    with Workers(threads) as workers:
        made = Ensemble(
            network, samples.to(dtype), sgd, weights=_weights(network, replicas), dtype=dtype, workers=workers,
            rule=checking.build(rule, sgd, STEPS), slots=rule.slots(sgd), traced=_traced(network),
        )  # fmt: skip
        first = 0
        if start is not None:
            first, state = start
            made.restore(state)
        made.advance(Minibatches.of(sgd, seed=3, replicas=replicas, samples=len(samples)), first, steps)
    return made


_TRACES: dict[str, dict] = {}


def _traced(network: Network) -> dict:
    """Traces of all networks of one form: they take weights, so every test may use them."""
    return _TRACES.setdefault(repr(network.module), {})


def _weights(network: Network, replicas: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(2)
    return 0.3 * torch.randn(100, network.size, dtype=torch.float64, generator=generator)[:replicas]


def with_torch(network, samples, sgd, optimiser: Optimiser, replica: int, between=lambda parameters, optimiser: None):
    """One replica through torch; `between` comes between gradient and step, and gives what comes after."""
    parameters = [p.detach().clone().requires_grad_() for p in network.parameters(_weights(network, replica + 1)[-1])]
    made = optimiser(parameters, sgd.learning_rate, sgd.momentum, sgd.weight_decay)
    minibatches = Minibatches.of(sgd, seed=3, replicas=replica + 1, samples=len(samples))
    after = None
    for step in range(STEPS):
        index = torch.from_numpy(minibatches.block(step, 1)[0, replica])
        made.zero_grad()
        nn.functional.cross_entropy(
            network.outputs(parameters, samples.inputs[index]), samples.labels[index]
        ).backward()
        after = between(parameters, made)
        made.step()
        if after is not None:
            after()
    return network.flatten(parameters).detach()


def a_sgd(name: str, momentum: float, decay: float, sampling: str = "with_replacement") -> Sgd:
    return Sgd(
        learning_rate=RATE.get(name, 0.01), batch_size=7, momentum=momentum, weight_decay=decay, sampling=sampling
    )


@pytest.mark.covering
@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("decay", [0.0, 0.03])
@pytest.mark.parametrize("sampling", ["with_replacement", "epoch"])
def test_every_rule_is_torchs_over_500_steps(make_network, samples, name, momentum, decay, sampling):
    """To 1e-12; adam has its momentum in beta_1, and adamw its decay in itself."""
    momentum = 0.5 if name in ("dampened", "nesterov") and momentum == 0 else momentum  # they take some
    rule, optimiser = section(name), RULES[name][1]
    if name in ("adam", "adamw", "adagrad"):
        keeps, momentum, decay = momentum, 0.0, 0.0 if name == "adamw" else decay
        if name != "adagrad":
            rule, optimiser = _of_momentum(name, keeps)
    network, sgd = make_network(nn.Linear(9, 4)), a_sgd(name, momentum, decay, sampling)
    found = trained(network, samples, sgd, rule).weights[2]
    torch.testing.assert_close(found, with_torch(network, samples, sgd, optimiser, 2), rtol=1e-12, atol=1e-12)


def _of_momentum(name: str, beta: float) -> tuple[UpdateRuleSection, Optimiser]:
    torchs = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[name]
    given = {"betas": (beta, 0.99), "eps": 1e-6}

    def optimiser(p, lr, mu, decay):
        return torchs(p, lr, weight_decay=0.2 if name == "adamw" else decay, **given)

    return section(name, beta_1=beta), optimiser


def _cut(parameters, optimiser):
    nn.utils.clip_grad_norm_(parameters, 0.3)
    nn.utils.clip_grad_value_(parameters, 0.1)

    def put_back():
        with torch.no_grad():
            for parameter in parameters:
                parameter.clamp_(-0.4, 0.4)

    return put_back


@pytest.mark.parametrize("name", ["sgd", "nesterov", "adam"])
def test_clipping_is_torchs_and_weights_stay_within_their_bounds(make_network, samples, name):
    network, sgd = make_network(nn.Linear(9, 4)), a_sgd(name, 0.0 if name == "adam" else 0.9, 0.03)
    rule = section(name, clip_norm=0.3, clip_value=0.1, clip_weights=0.4)
    found = trained(network, samples, sgd, rule).weights[2]
    right = with_torch(network, samples, sgd, RULES[name][1], 2, _cut)
    torch.testing.assert_close(found, right, rtol=1e-12, atol=1e-12)
    assert float(found.abs().max()) == 0.4
    for key in ("clip_norm", "clip_value", "clip_weights"):  # each is felt
        fewer = trained(network, samples, sgd, rule.model_copy(update={key: None})).weights[2]
        assert not torch.allclose(fewer, right, rtol=1e-4)


SCHEDULES = {
    "step": ({"every": 100, "by": 0.5}, lambda o: torch.optim.lr_scheduler.StepLR(o, 100, 0.5)),
    "linear": (
        {"first": 0.5, "last": 0.1, "steps": 300},
        lambda o: torch.optim.lr_scheduler.LinearLR(o, 0.5, 0.1, 300),
    ),
    "cosine": (
        {"last": 0.1},
        lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, STEPS, 0.1 * o.param_groups[0]["lr"]),
    ),
    "warm_up": (
        {"kind": "step", "warm_up": 40, "every": 100},
        lambda o: torch.optim.lr_scheduler.LambdaLR(o, lambda n: (n + 1) / 41 if n < 40 else 0.1 ** ((n - 40) // 100)),
    ),
}


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("name", ["nesterov", "adam"])
def test_schedules_are_torchs(make_network, samples, name, schedule):
    network, sgd = make_network(nn.Linear(9, 4)), a_sgd(name, 0.9 if name == "nesterov" else 0.0, 0.03)
    keys, of_torch = SCHEDULES[schedule]
    made: list[Any] = []

    def between(parameters, optimiser):
        if not made or made[0][0] is not optimiser:
            made[:] = [(optimiser, of_torch(optimiser))]
        return made[0][1].step

    rule = section(name, schedule={"kind": schedule} | keys)
    found = trained(network, samples, sgd, rule).weights[2]
    right = with_torch(network, samples, sgd, RULES[name][1], 2, between)
    torch.testing.assert_close(found, right, rtol=1e-12, atol=1e-12)
    assert not torch.allclose(trained(network, samples, sgd, section(name)).weights[2], right, rtol=1e-3)


BITS = [*RULES, "clipped"]


@pytest.mark.covering
@pytest.mark.parametrize("name", BITS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_bits_depend_on_no_other_replica_thread_or_interruption(make_network, samples, name, dtype, monkeypatch):
    monkeypatch.setattr(ensemble, "_SECONDS_WORTH_A_THREAD", 1e-9)
    more = {"clip_norm": 0.3, "clip_weights": 0.4, "schedule": {"kind": "cosine"}} if name == "clipped" else {}
    rule = section("sgd" if name == "clipped" else name, **more)
    network = make_network(nn.Linear(9, 6), nn.Tanh(), nn.Linear(6, 4), dtype=dtype)
    sgd = a_sgd(name, 0.5 if rule.MOMENTUM else 0.0, 0.03)
    given = {"steps": 11, "dtype": dtype}
    many = trained(network, samples, sgd, rule, 64, **given)
    for replicas, threads in ((1, 1), (13, 1), (64, 3)):
        fewer = trained(network, samples, sgd, rule, replicas, threads=threads, **given)
        assert torch.equal(fewer.weights, many.weights[:replicas])
    state = trained(network, samples, sgd, rule, 13, steps=5, dtype=dtype).state()
    resumed = trained(network, samples, sgd, rule, 13, start=(5, state), **given)
    assert torch.equal(resumed.weights, many.weights[:13])


@pytest.mark.parametrize("name", [name for name in BITS if name != "sgd"])
def test_replicas_with_numbers_of_their_own_move_as_they_do_among_their_like(make_network, samples, name):
    more = {"clip_norm": 0.3, "schedule": {"kind": "cosine"}} if name == "clipped" else {}
    rule = section("sgd" if name == "clipped" else name, **more)
    network = make_network(nn.Linear(9, 4), dtype=torch.float32)
    sgds = [a_sgd(name, 0.5 if rule.MOMENTUM else 0.0, 0.03)]
    other = {key: 0.7 * getattr(sgds[0], key) for key in rule.FUSED}
    sgds.append(sgds[0].model_copy(update=other))
    assert rule.alike(sgds[0]) == rule.alike(sgds[1])
    alone = torch.cat([trained(network, samples, sgd, rule, 16, steps=60, dtype=torch.float32).weights for sgd in sgds])
    assert not torch.allclose(alone[:16], alone[16:], rtol=1e-2)
    drawn = Minibatches.of(sgds[0], seed=3, replicas=16, samples=len(samples))

    class Twice:
        def block(self, step: int, at_most: int) -> np.ndarray:
            return np.tile(drawn.block(step, at_most), (1, 2, 1))

    made = Ensemble(
        network, samples.to(torch.float32), sgds[0], own=[sgd for sgd in sgds for _ in range(16)],
        weights=_weights(network, 16).repeat(2, 1), dtype=torch.float32, workers=Workers(1),
        rule=checking.build(rule, sgds[0], STEPS), slots=rule.slots(sgds[0]), traced=_traced(network),
    )  # fmt: skip
    made.advance(Twice(), 0, 60)
    assert torch.equal(made.weights, alone)
