"""A loop that is watched: it is not disturbed, leaves a run like any other, and must be the one that was told of."""

from __future__ import annotations

import copy
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made_up_loops import DATA, DECAY, RATE, drawn, network, sgd, train, watched
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import langevin_sgd as lsgd
from langevin_sgd import cli
from langevin_sgd.config.errors import ConfigError
from langevin_sgd.errors import UserError

STEPS = 30


def _state(module: nn.Module) -> dict[str, Any]:
    return {
        "weights": [p.detach().numpy().copy() for p in module.parameters()],
        "gradients": [None if p.grad is None else p.grad.numpy().copy() for p in module.parameters()],
        "trainable": [p.requires_grad for p in module.parameters()],
        "training": module.training,
        "torch": torch.get_rng_state().numpy(),
        "numpy": np.random.get_state()[1],  # noqa: NPY002  that is what must not change
        "python": random.getstate(),
        "threads": torch.get_num_threads(),
        "grad": torch.is_grad_enabled(),
    }


@pytest.mark.parametrize("start", ["here", "minimum"])
def test_watching_changes_no_bit_of_the_training(start: Any, tmp_path: Path, at_minimum: nn.Module) -> None:
    states = []
    for is_watched in (False, True):
        torch.manual_seed(5)
        module = copy.deepcopy(at_minimum).eval()
        optimizer = sgd(module, momentum=0.5)
        batches = drawn(torch.default_generator, STEPS)
        if is_watched:
            told: Any = {
                "optimizer": optimizer,
                "batch_size": 8,
                "sampling": "with_replacement",
                "probes": ["sharpness"],
            }
            with lsgd.watch(
                module, "cross_entropy", DATA, output=tmp_path / "run", seed=5, steps=STEPS, start=start, **told
            ) as watch:
                train(module, optimizer, batches, watch.step)
        else:
            train(module, optimizer, batches, lambda: None)
        states.append(_state(module))
    for name, plain in states[0].items():
        np.testing.assert_equal(states[1][name], plain, err_msg=name)


def test_it_leaves_a_run_that_the_commands_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "mine"
    watch = watched(run)
    found = lsgd.open_run(run)["network"].to_dataset()
    assert found.identical(watch.tree["network"].to_dataset())
    assert found.attrs["kind"] == "watched"
    assert found.sizes["replica"] == 1
    assert found.step.values[[0, -1]].tolist() == [0, 40]
    np.testing.assert_allclose(found.time, RATE * found.step)
    assert float(found.train_loss[0, -1]) < float(found.train_loss[0, 0])
    w = found.visited_weights.values[0].astype(float)
    np.testing.assert_allclose(found.squared_displacement[0], ((w - w[0]) ** 2).sum(1), rtol=1e-6)
    np.testing.assert_allclose(found.energy[0] - found.train_loss[0], 0.5 * DECAY * (w**2).sum(1), rtol=1e-6)
    for command in ("check", "report", "plot"):
        assert cli.main([command, str(run)]) == 0, capsys.readouterr().err
    assert cli.main(["export", str(run), str(tmp_path / "run.nc")]) == 0
    assert (run / "report.html").exists()


def test_the_loss_of_every_step_is_that_of_the_module(tmp_path: Path) -> None:
    module = network()
    watch = watched(tmp_path / "run", module=module)
    inputs, labels = DATA
    loss = nn.functional.cross_entropy(module.double()(inputs.double()), labels).item()
    assert float(watch.tree["network"].train_loss[0, 0]) == pytest.approx(loss, rel=1e-12)


def test_a_hook_of_the_optimizer_is_enough(tmp_path: Path) -> None:
    module = network()
    optimizer = sgd(module)
    told: Any = {"optimizer": optimizer, "batch_size": 8, "sampling": "with_replacement"}
    watch = lsgd.watch(module, "cross_entropy", DATA, output=tmp_path / "run", seed=1, steps=STEPS, **told)
    optimizer.register_step_post_hook(watch.step)
    train(module, optimizer, drawn(torch.Generator().manual_seed(1), STEPS), lambda: None)
    tree = watch.close()
    assert watch.steps == STEPS
    assert watch.close() is tree
    assert tree["network"].step.values[-1] == STEPS


def test_a_loader_says_batch_size_and_sampling(tmp_path: Path) -> None:
    module = network()
    optimizer = torch.optim.Adam(module.parameters(), lr=0.01)
    loader = DataLoader(TensorDataset(*DATA), batch_size=8, shuffle=True, drop_last=True)
    with lsgd.watch(
        module,
        nn.CrossEntropyLoss(),
        DATA,
        output=tmp_path / "run",
        seed=1,
        steps=15,
        optimizer=optimizer,
        loader=loader,
    ) as watch:
        train(module, optimizer, [torch.arange(8)] * 15, watch.step)
    study = lsgd.load(tmp_path / "run" / "config.yaml")
    assert study.sgd is not None
    assert study.sgd.model_dump() == {
        "learning_rate": 0.01,
        "batch_size": 8,
        "momentum": 0.0,
        "weight_decay": 0.0,
        "sampling": "epoch",
    }
    assert study.models["network"].model_dump()["rule"]["kind"] == "adam"


def _watch(folder: Path, **options: Any) -> Any:
    module = options.pop("module", network())
    given = {"learning_rate": RATE, "weight_decay": DECAY, "batch_size": 8, "sampling": "with_replacement"}
    data, loss = options.pop("data", DATA), options.pop("loss", "cross_entropy")
    whole: Any = {"output": folder / "run", "seed": 1, "steps": 20, **given, **options}
    return lsgd.watch(module, loss, data, **{key: value for key, value in whole.items() if value is not ...})


def _loader(**options: Any) -> DataLoader:
    return DataLoader(TensorDataset(*DATA), **options)


_MODULE = network()
_OTHERS = [*network().parameters()]
FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "optimizer of other parameters": (
        {"optimizer": torch.optim.SGD(_OTHERS, lr=RATE, weight_decay=DECAY)},
        "optimizer: 2 of its 2 parameters are not trainable parameters of the model; give an optimizer",
    ),
    "optimizer of some": (
        {"module": _MODULE, "optimizer": torch.optim.SGD([_MODULE.weight], lr=RATE, weight_decay=DECAY)},
        "optimizer: 1 trainable parameters of the model are not in it, such as bias; add them",
    ),
    "another rate than the optimizer's": (
        {"module": _MODULE, "optimizer": sgd(_MODULE, lr=0.3)},
        "learning_rate: 0.2 is told, but the optimizer says 0.3; give one of them alone",
    ),
    "no optimizer": ({"optimizer": 3}, "optimizer: must be a torch Optimizer, got int"),
    "no loader": ({"loader": [DATA]}, "loader: must be a torch DataLoader, got list"),
    "probes by one name": ({"probes": "sharpness"}, "probes: must be a list of probes, got 'sharpness'; give ['sharp"),
    "no sampling": ({"sampling": ...}, "sampling: missing; give sampling=, or loader="),
    "no rate": ({"learning_rate": ...}, "learning_rate: missing; give learning_rate=, or optimizer="),
    "a loader in order": ({"loader": _loader(batch_size=8)}, "loader: goes through the samples in the same order"),
    "a last minibatch": (
        {"loader": _loader(batch_size=7, shuffle=True), "batch_size": ..., "sampling": ...},
        "loader: the last minibatch of an epoch has 1 samples and the others 7; give drop_last=True",
    ),
    "a loader of other data": (
        {"loader": DataLoader(TensorDataset(torch.zeros(5, 3)), batch_size=5, shuffle=True)},
        "loader: its dataset has 5 samples, and the training set has 120",
    ),
    "no module": ({"module": nn.functional.relu}, "model: must be a torch.nn.Module, got function"),
    "half precision": ({"module": nn.Linear(3, 3).bfloat16()}, "model: its weights are torch.bfloat16; train in"),
    "frozen": ({"module": nn.Linear(3, 3).requires_grad_(False)}, "model: has no trainable parameters"),
    "dropout": (
        {"module": nn.Sequential(nn.Linear(3, 3), nn.Dropout())},
        "model Sequential: the module gives different outputs for the same input; leave out dropout",
    ),
    "running statistics": (
        {"module": nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 3))},
        "model Sequential: the module updates its buffer 0.running_mean as it runs, so its loss depends on",
    ),
    "other outputs": ({"module": nn.Linear(3, 4)}, "model Linear: the module returns (4, 4) for 4 samples; (4, 3) is"),
    "other inputs": ({"module": nn.Linear(5, 3)}, "model Linear: the module fails on inputs of shape (4, 3)"),
    "no data": ({"data": DATA[0]}, "data: must be a langevin_sgd.DataSet, or a pair of inputs and labels, got Tensor"),
    "an unknown loss": ({"loss": "cross_entrpy"}, 'unknown kind "cross_entrpy"; did you mean "cross_entropy"?'),
    "a loss of torch that is another": ({"loss": nn.MSELoss()}, "loss: torch.nn.MSELoss averages the squared error"),
    "a function": ({"loss": len}, "loss: len is none that is known here; give its name as in a config"),
    "a seed": ({"seed": -1}, "seed: must be >= 0, got -1"),
    "a curvature of all": (
        {"start": "minimum", "module": "minimum", "curvature": {"modes": 12}},
        "curvature: needs start: minimum, and fewer modes than the 12 weights; remove it",
    ),
    "a start": ({"start": "there"}, 'start: must be "here" or "minimum", got \'there\''),
    "no steps": ({"steps": 0}, "steps: must be >= 1, got 0"),
    "a window without a minimum": ({"burn_in": 3}, "burn_in: there is no stationary window"),
    "not at the minimum": ({"start": "minimum"}, 'start="minimum": the weights of the model are not at the minimum: '),
    "too short for the window": (
        {"start": "minimum", "module": "minimum", "burn_in": 15, "sample_every": 6},
        "sample_every: 6 is more than the 5 steps after burn-in",
    ),
    "unstable": ({"start": "minimum", "module": "minimum", "learning_rate": 9.0}, "lower the learning rate, or give"),
    "no minimum": (
        {"start": "minimum", "module": nn.Linear(3, 3), "weight_decay": 0.0, "gradient_tolerance": 1e-300},
        "no minimum was found",
    ),
}


@pytest.mark.parametrize("options", [each[0] for each in FAULTS.values()], ids=[*FAULTS])
def test_what_does_not_fit_is_told_in_a_line_before_the_first_step(
    options: dict[str, Any], tmp_path: Path, at_minimum: nn.Module, request: pytest.FixtureRequest
) -> None:
    said = next(text for given, text in FAULTS.values() if given is options)
    if options.get("module") == "minimum":
        options = {**options, "module": copy.deepcopy(at_minimum)}
    with pytest.raises((UserError, ConfigError)) as caught:
        _watch(tmp_path, **options)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_an_output_that_exists_is_refused_before_the_training_unless_it_is_to_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "file").write_text("mine")
    with pytest.raises(UserError, match="exists, is not empty and is no run"):
        _watch(tmp_path)
    watched(tmp_path / "again")
    with pytest.raises(UserError, match=r"holds a run already; choose another output, or replace .* overwrite=True$"):
        watched(tmp_path / "again")
    watched(tmp_path / "again", seed=2, overwrite=True)
    assert lsgd.load(tmp_path / "again" / "config.yaml").seed == 2


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"learning_rate": 0.1}, "step 1: moved the weights by 0.2 times the gradient, and learning_rate is 0.1"),
        ({"weight_decay": 1.5}, "step 1: "),
    ],
    ids=["rate", "decay"],
)
def test_a_wrong_number_shows_at_the_first_step(told: dict[str, float], said: str, tmp_path: Path) -> None:
    given = {"learning_rate": RATE, "weight_decay": DECAY, **told}
    with pytest.raises(UserError, match=said):
        watched(tmp_path / "run", optimizer=None, **given)
    assert not (tmp_path / "run").exists()


def test_another_setting_a_step_too_many_and_too_few_are_told(tmp_path: Path) -> None:
    module = network()
    optimizer = sgd(module)
    watch = _watch(tmp_path, module=module, optimizer=optimizer, steps=5)
    batches = drawn(torch.Generator().manual_seed(1), 3)
    train(module, optimizer, batches, watch.step)
    with pytest.raises(UserError, match=r"the loop ended after 3 of 5 steps; nothing is written"):
        watch.close()
    optimizer.param_groups[0]["weight_decay"] = 0.3
    with pytest.raises(
        UserError, match=r"step 4: the optimizer's weight_decay is 0\.3 and was 0\.1 when the watch began"
    ):
        watch.step()
    optimizer.param_groups[0]["weight_decay"] = DECAY
    for again in (watch.step, watch.close):
        with pytest.raises(UserError, match=r"the watch has ended with a fault: step 4: the optimizer's weight_decay"):
            again()
    whole = watched(tmp_path / "whole", steps=5)
    with pytest.raises(UserError, match=r"step 6 after the end: steps is 5"):
        whole.step()


def test_a_module_that_changes_beside_the_steps_is_told(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Linear(3, 3))
    module.register_buffer("scale", torch.ones(1))
    watch = _watch(tmp_path, module=module)
    module.scale.mul_(2.0)
    with pytest.raises(UserError, match="step 1: the model's buffer scale has changed"):
        watch.step()
    other = _watch(tmp_path, module=module)
    module[0] = nn.Linear(3, 3)
    with pytest.raises(UserError, match="step 1: the model has other trainable parameters"):
        other.step()


def test_a_loop_that_raises_writes_nothing_and_one_that_diverges_says_so(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), _watch(tmp_path):
        _ = 1 / 0
    assert not (tmp_path / "run").exists()
    module = network()
    watch = _watch(tmp_path, module=module)
    with torch.no_grad():
        module.weight.fill_(torch.nan)
    for _ in range(20):
        watch.step()
    with pytest.warns(RuntimeWarning, match="diverged at step 1: the weights are no longer finite"):
        watch.close()
    assert lsgd.open_run(tmp_path / "run")["network"].attrs["status"] == "failed"


def test_such_a_config_is_no_study_to_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    watched(tmp_path / "run", steps=5)
    command = ["simulate", str(tmp_path / "run" / "config.yaml"), "--output", str(tmp_path / "other")]
    assert cli.main(command) == 2
    said = capsys.readouterr().err
    assert "models.network is the record of a training loop" in said
    assert said.count("\n") == 1
    assert not (tmp_path / "other").exists()


def test_public_names_cost_nothing_until_they_are_used() -> None:
    program = "import langevin_sgd, sys; print('torch' in sys.modules, 'watch' in dir(langevin_sgd))"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "True"]
