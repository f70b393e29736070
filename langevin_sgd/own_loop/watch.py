"""Watching a training loop of the user's own: it leaves the run directory that a study of such a network leaves."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import nn

from langevin_sgd.config.errors import ConfigError
from langevin_sgd.errors import UserError
from langevin_sgd.own_loop import given
from langevin_sgd.own_loop.loop import NAME, Watch
from langevin_sgd.own_loop.told import Told, told
from langevin_sgd.paths import local
from langevin_sgd.study import store
from langevin_sgd.study.config import Study
from langevin_sgd.study.loading import parse
from langevin_sgd.training.data.dataset import DataSet
from langevin_sgd.training.losses.section import LossSection

_LONGEST = 300  # characters of a module in a config


def watch(
    model: nn.Module,
    loss: Any,
    data: Any,
    *,
    output: str | os.PathLike[str],
    seed: int,
    steps: int,
    optimizer: torch.optim.Optimizer | None = None,
    loader: torch.utils.data.DataLoader[Any] | None = None,
    learning_rate: float | None = None,
    batch_size: int | None = None,
    momentum: float | None = None,
    weight_decay: float | None = None,
    sampling: Literal["with_replacement", "epoch"] | None = None,
    start: Literal["here", "minimum"] = "here",
    burn_in: int | None = None,
    sample_every: int | None = None,
    record_times: int | None = None,
    measure_curvature: bool | None = None,
    curvature: Mapping[str, int] | None = None,
    gradient_tolerance: float | None = None,
    probes: Sequence[Any] = (),
    overwrite: bool = False,
) -> Watch:
    """Watch the training of `model` in a loop of your own, and leave a run directory of it in `output`.

        with lsgd.watch(model, "cross_entropy", (x, y), optimizer=optimizer, loader=loader, steps=2000, seed=3,
                        output="runs/mine") as watch:
            for inputs, targets in batches:
                optimizer.zero_grad()
                criterion(model(inputs), targets).backward()
                optimizer.step()
                watch.step()

    `model` is a module with weights in float32 or float64, whose loss is a sum over samples: no dropout, no running
    statistics, no mixed precision. `loss` is what the loop minimises, the mean over a minibatch of one of our losses by
    its name or mapping as in a config, or `torch.nn.CrossEntropyLoss()`. `data` is the whole training set as the model
    takes it, (inputs, labels) or a `langevin_sgd.DataSet` with a test set beside it. `steps` is how many steps the loop
    will make, and `seed` what it seeds its minibatches with: it tells the runs of one script apart in `merge`.

    Of the process we must know learning_rate, batch_size, momentum, weight_decay and sampling. Those of an `optimizer`
    of torch's are read off, and looked at again at every step; those of a `loader`, a DataLoader, too. The laws of SGD
    are claimed for torch.optim.SGD with any of its settings but maximize. Of Adam, AdamW and RMSprop that have made no
    step yet the preconditioner is recorded, and the law with it held at its mean is a contrast. Of others, of amsgrad
    and Adagrad, whose preconditioner never settles, all is recorded and no law is claimed. Without an optimizer the
    loop is taken to make steps of SGD. sampling is "epoch" where the training set is shuffled once an epoch and cut up
    into N // B minibatches, "with_replacement" where each is drawn afresh.

    A learning rate that changes, by a scheduler or by hand, is read off as each step begins: time is then the sum of
    the learning rates of all steps, and `learning_rate_factor` says how they went. With a stationary window it must
    stay, and so must all other settings always. Groups of parameters with unlike settings are recorded and no law is
    claimed of them: time is that of the first group, `group_learning_rate` has those of all if they differ, and where
    weight decays differ the energy is the loss alone.

    Energy, loss, accuracy, displacement and weights are recorded at `record_times` logarithmically spaced steps, 64
    by default, in float64. With start="minimum" the module's weights must be at the minimum of the full training loss
    (see `to_minimum`): the Hessian and the noise covariance are measured there before the first step (unless
    `measure_curvature` is false; in the sharpest modes alone with `curvature={"modes": 50}`), and in the stationary
    window, after `burn_in` steps at every `sample_every`, the fluctuations along the Hessian's eigenvectors. All of
    these, `gradient_tolerance` and `probes` are as in a config of kind network.

    The training is not disturbed: weights, gradients, modes, random numbers and settings of torch are what they are
    without the watch, to the last bit. A step that is not recorded costs a few microseconds; one that is costs an
    evaluation of the full training set in float64, and the recorded weights are held in memory, 64 copies by default.

    The run is written when the `with` block ends, or by `close()`. If the block raises nothing is written. A loop that
    diverges leaves a run that says so.

    Raises `UserError` before the first step if anything of this does not fit together or `output` exists, and later if
    the loop is not the one that it was told to be.
    """
    module, read, section = given.own_module(model), given.own_data(data), given.own_loss(loss)
    numbers = {
        "learning_rate": learning_rate,
        "batch_size": batch_size,
        "momentum": momentum,
        "weight_decay": weight_decay,
        "sampling": sampling,
    }
    known = told(numbers, module, optimizer, loader, len(read.train_labels))
    if start == "minimum" and "weight_decay" in known.unlike:
        raise UserError(
            "optimizer: its groups differ in weight_decay, and the energy whose minimum the loop would start from has "
            'one for all weights; put all parameters into one group, or give start="here"'
        )
    if start not in ("here", "minimum"):
        raise UserError(f'start: must be "here" or "minimum", got {start!r}')
    if isinstance(probes, str) or not isinstance(probes, Sequence):
        raise UserError(f"probes: must be a list of probes, got {probes!r}; give [{probes!r}]")
    keys = {
        "steps": steps,
        "start": {"here": "shared"}.get(start, start),
        "burn_in": burn_in,
        "sample_every": sample_every,
        "record_times": record_times,
        "measure_curvature": measure_curvature,
        "curvature": curvature,
        "gradient_tolerance": gradient_tolerance,
        "probes": tuple(probes),
    }
    keys = {key: value for key, value in keys.items() if value is not None}
    study = _study(module, section, read, known, output, seed, keys)
    store.refuse(local(output), overwrite=overwrite, resume=False, goes_on=False)
    return Watch(module, read, study, known, optimizer, overwrite=overwrite)


def _study(
    module: nn.Module,
    loss: LossSection,
    data: DataSet,
    known: Told,
    output: str | os.PathLike[str],
    seed: int,
    keys: Mapping[str, Any],
) -> Study:
    shown = " ".join(str(module).split())
    model = {
        "kind": "watched",
        "network": shown if len(shown) <= _LONGEST else type(module).__name__,
        "weights": sum(parameter.numel() for parameter in given.trainable(module)),
        "data": data.name,
        "data_digest": given.digest(data),
        "samples": len(data.train_labels),
        "loss": loss,
        "optimizer": known.optimizer,
        "rule": known.rule,
        "unlike": known.unlike,
        "seeds": [seed],
        "precision": given.precision(module),
        **keys,
    }
    place = os.fspath(local(output))
    sgd = {key: value for key, value in known.sgd.items() if value is not None}
    whole = {"name": os.path.basename(place), "seed": seed, "output": place, "sgd": sgd, "models": {NAME: model}}
    try:
        return parse(whole)
    except ConfigError as error:
        faults = [f"{_argument(str(problem.key))}: {problem.message}" for problem in error.problems]
    raise UserError("; ".join(dict.fromkeys(faults)))  # one seed is told of two keys


def _argument(key: str) -> str:
    """What `watch` calls a key of the study."""
    if key.startswith(f"models.{NAME}.seeds"):
        return "seed"
    return key.removeprefix(f"models.{NAME}.").removeprefix("sgd.")
