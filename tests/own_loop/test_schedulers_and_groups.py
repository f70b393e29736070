"""Loops with schedulers and with groups of parameters: recorded as they went, and no law where there is none."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made_up_loops import DATA, DECAY, RATE, drawn, network, sgd, train
from torch import nn

import langevin_sgd as lsgd
from langevin_sgd.config.errors import ConfigError
from langevin_sgd.errors import UserError
from langevin_sgd.study.loading import parse

STEPS = 30


def _watch(folder: Path, *, module: nn.Module, **options: Any) -> Any:
    given = {"batch_size": 8, "sampling": "with_replacement", "seed": 1, "steps": STEPS}
    return lsgd.watch(module, "cross_entropy", DATA, output=folder / "run", **{**given, **options})


def test_a_scheduler_is_recorded_wherever_it_is_called(tmp_path: Path) -> None:
    """Time is the sum of the rates, the weights are those of the loop: also where it warms up from nothing."""
    found = {}
    for place in ("before", "after", "made late"):
        module = network()
        optimizer = sgd(module)
        schedule: Any = lambda step: min(1.0, step / 4) * 0.9**step  # noqa: E731
        late = place == "made late"
        scheduler = None if late else torch.optim.lr_scheduler.LambdaLR(optimizer, schedule)
        watch = _watch(tmp_path / place, module=module, optimizer=optimizer)
        if late:
            scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, schedule)
        step = [watch.step, scheduler.step]
        if place == "before":
            step.reverse()
        train(
            module,
            optimizer,
            drawn(torch.Generator().manual_seed(1), STEPS),
            lambda both=tuple(step): [each() for each in both],
        )
        watch.close()
        found[place] = lsgd.open_run(tmp_path / place / "run")["network"].to_dataset()
    rates = np.array([RATE * schedule(step) for step in range(STEPS)])
    for data in found.values():
        step = data.step.values
        np.testing.assert_allclose(data.time, np.concatenate([[0.0], rates.cumsum()])[step], rtol=1e-12)
        factor = data.learning_rate_factor.values * float(data.learning_rate)
        np.testing.assert_allclose(factor, rates[np.minimum(step, STEPS - 1)], rtol=1e-12)
        np.testing.assert_array_equal(data.visited_weights, found["before"].visited_weights)
    lsgd.check(tmp_path / "before" / "run")  # nothing of it is worked out from a rate that stays
    assert len(optimizer._optimizer_step_pre_hooks) == 0


def test_schedules_of_two_seeds_are_merged_if_they_are_the_same(tmp_path: Path) -> None:
    for name, gamma in (("a", 0.9), ("b", 0.9), ("c", 0.8)):
        module = network()
        optimizer = sgd(module)
        scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma)
        watch = _watch(tmp_path / name, module=module, optimizer=optimizer, seed=ord(name))
        batches = drawn(torch.Generator().manual_seed(ord(name)), STEPS)
        train(module, optimizer, batches, lambda w=watch, s=scheduler: [w.step(), s.step()])
        watch.close()
    merged = lsgd.merge([tmp_path / "a" / "run", tmp_path / "b" / "run"], tmp_path / "both")["network"]
    one = lsgd.open_run(tmp_path / "a" / "run")["network"]
    np.testing.assert_array_equal(merged.time, one.time)
    np.testing.assert_array_equal(merged.learning_rate_factor, one.learning_rate_factor)
    with pytest.raises(UserError, match=r"c.run: its learning rate went another way than in .*a.run, as by a sched"):
        lsgd.merge([tmp_path / "a" / "run", tmp_path / "c" / "run"], tmp_path / "other")


def test_groups_of_unlike_settings_are_recorded_without_a_law(tmp_path: Path, at_minimum: nn.Module) -> None:
    module = copy.deepcopy(at_minimum)
    groups = [{"params": [module.weight]}, {"params": [module.bias], "lr": 0.5 * RATE, "momentum": 0.5}]
    optimizer = torch.optim.SGD(groups, lr=RATE, weight_decay=DECAY)
    watch = _watch(tmp_path, module=module, optimizer=optimizer, start="minimum")
    train(module, optimizer, drawn(torch.Generator().manual_seed(1), STEPS), watch.step)
    data = watch.close()["network"].to_dataset()
    np.testing.assert_array_equal(data.group_learning_rate, np.repeat([[RATE], [0.5 * RATE]], data.sizes["time"], 1))
    assert "learning_rate_factor" not in data
    np.testing.assert_allclose(data.time, RATE * data.step)
    assert "law" not in data.attrs
    told = r'"network" was trained with groups of parameters that differ in lr and momentum, and laws take one of all'
    with pytest.raises(ConfigError, match=told):
        parse({**lsgd.load(tmp_path / "run" / "config.yaml").as_written(), "checks": ["equilibrium"]})


def test_where_decays_differ_the_energy_is_the_loss_alone_and_has_no_minimum_to_start_from(tmp_path: Path) -> None:
    module = network()
    groups = [{"params": [module.weight]}, {"params": [module.bias], "weight_decay": 0.0}]
    optimizer = torch.optim.SGD(groups, lr=RATE, weight_decay=DECAY)
    told: dict[str, Any] = {"module": module, "optimizer": optimizer}
    with pytest.raises(UserError, match=r"optimizer: its groups differ in weight_decay, and the energy whose minimum"):
        _watch(tmp_path, start="minimum", **told)
    watch = _watch(tmp_path, **told)
    train(module, optimizer, drawn(torch.Generator().manual_seed(1), STEPS), watch.step)
    data = watch.close()["network"].to_dataset()
    np.testing.assert_allclose(data.energy, data.train_loss, rtol=1e-12)


def test_what_a_scheduler_must_not_change_is_told(tmp_path: Path, at_minimum: nn.Module) -> None:
    module = copy.deepcopy(at_minimum)
    optimizer = sgd(module, momentum=0.5)
    watch = _watch(tmp_path, module=module, optimizer=optimizer, start="minimum", steps=9)
    batches = drawn(torch.Generator().manual_seed(1), 3)
    train(module, optimizer, batches[:1], watch.step)
    optimizer.param_groups[0]["lr"] = 0.1
    with pytest.raises(
        UserError, match=r"step 2: the optimizer's lr is 0\.1 and was 0\.2 .*; a stationary window takes"
    ):
        train(module, optimizer, batches[:1], watch.step)
    optimizer.param_groups[0]["lr"] = RATE
    here = _watch(tmp_path, module=module, optimizer=optimizer, steps=9)
    optimizer.param_groups[0]["momentum"] = 0.9
    with pytest.raises(UserError, match=r"the optimizer's momentum is 0\.9 and was 0\.5 .*with cycle_momentum=False"):
        train(module, optimizer, batches[:1], here.step)
    twice = _watch(tmp_path, module=module, optimizer=optimizer, steps=9)
    optimizer.step()
    with pytest.raises(UserError, match=r"step 1: the optimizer has made 2 steps since the one before; call watch"):
        train(module, optimizer, batches[:1], twice.step)
