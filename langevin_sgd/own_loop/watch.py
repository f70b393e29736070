"""Watching a training loop of the user's own: it leaves the run directory that a study of such a network leaves."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import nn

from langevin_sgd.config.errors import ConfigError
from langevin_sgd.errors import UserError
from langevin_sgd.integrators.divergence import Diverged
from langevin_sgd.models.network.bench import DTYPES, Bench
from langevin_sgd.models.network.point import Point
from langevin_sgd.models.watched import merging
from langevin_sgd.models.watched.config import WatchedModel
from langevin_sgd.models.watched.run import handing_over
from langevin_sgd.observables.declared import dataset
from langevin_sgd.one_thread import one_blas_thread
from langevin_sgd.own_loop import at_minimum, given
from langevin_sgd.own_loop.first_step import refuse_other_step
from langevin_sgd.own_loop.told import Told, refuse_changed, settings, told
from langevin_sgd.paths import local
from langevin_sgd.study import store
from langevin_sgd.study.config import Study
from langevin_sgd.study.execute import Report, execute
from langevin_sgd.study.loading import parse
from langevin_sgd.training.data.dataset import DataSet
from langevin_sgd.training.losses.section import LossSection
from langevin_sgd.training.state_changes import same
from langevin_sgd.training.threads import Workers
from langevin_sgd.training.update_rules import checking as update_rules

NAME = "network"
"""What the model is called in the study of a watched loop."""

_LONGEST = 300  # characters of a module in a config

_LATER = Report(lambda study: None, lambda run, progress: None)  # of one replica it says little, and takes seconds


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
    of torch's are read off, and looked at again at every step; those of a `loader`, a DataLoader, too. The laws of
    heavy-ball SGD are claimed for torch.optim.SGD; of any other optimizer none is.
    Without an optimizer the loop is taken to make steps of SGD. sampling is "epoch" where the training set is shuffled
    once an epoch and cut up into N // B minibatches, "with_replacement" where each is drawn afresh.

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
    if start not in ("here", "minimum"):
        raise UserError(f'start: must be "here" or "minimum", got {start!r}')
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
    store.refuse(local(output), overwrite=overwrite, resume=False)
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
    raise UserError("; ".join(faults))


def _argument(key: str) -> str:
    """What `watch` calls a key of the study."""
    if key.startswith(f"models.{NAME}.seeds"):
        return "seed"
    return key.removeprefix(f"models.{NAME}.").removeprefix("sgd.")


class Watch:
    """A loop that is watched, made by `langevin_sgd.watch`: call `step` after each of its steps.

    `tree` holds the results once they are there, as `open_run` gives them, and `seconds` what the watching has cost.
    """

    def __init__(
        self,
        module: nn.Module,
        data: DataSet,
        study: Study,
        known: Told,
        optimizer: torch.optim.Optimizer | None,
        *,
        overwrite: bool,
    ) -> None:
        self.tree: xr.DataTree | None = None
        self._broken: UserError | None = None
        self.seconds = 0.0
        self._module, self._study, self._optimizer, self._overwrite = module, study, optimizer, overwrite
        self._model: WatchedModel = study.models[NAME]  # type: ignore[assignment]
        assert study.sgd is not None
        self._sgd = self._model.sgd_of(study.sgd)
        self._settings = None if optimizer is None else settings(optimizer)
        self._parameters = given.trainable(module)
        self._buffers = {name: buffer.detach().clone() for name, buffer in module.named_buffers()}
        fresh = self._sgd.momentum == 0 if optimizer is None else not optimizer.state
        self._tries_first = fresh and known.rule is not None and not known.rule.get("nesterov")
        self._workers = Workers(at_minimum.workers_for(module))
        self._step, self._visited = 0, dict[int, NDArray[Any]]()
        self._weights = given.weights(self._parameters)
        try:
            with self._apart(), one_blas_thread():
                self._bench = self._made(data)
                self._point = self._started()
            self._look()
        except BaseException:
            self._workers.close()
            raise

    @property
    def steps(self) -> int:
        """How many steps the loop has made."""
        return self._step

    def step(self, *_: Any) -> None:
        """Say that the loop has made a step. Arguments are ignored, so that this is a callback too:

            optimizer.register_step_post_hook(watch.step)

        Raises `UserError` after the last step, and for a loop that is not as it was told to be.
        """
        last = self._model.steps
        if self._step >= last:
            raise UserError(f"step {self._step + 1} after the end: steps is {last}; give as many as there are")
        self._refuse_broken()
        self._step += 1
        try:
            self._see()
        except UserError as error:
            self._broken = error  # what comes after it belongs to no record
            raise

    def _see(self) -> None:
        """Hold the step that was made against what was told, and record it."""
        if self._optimizer is not None and self._settings is not None:
            refuse_changed(self._settings, settings(self._optimizer), self._step)
        if self._step == 1 and self._tries_first:
            refuse_other_step(self._weights, given.weights(self._parameters), self._parameters, self._sgd)
        if self._step in self._point.looks and self._point.failed is None:
            self._weights = given.weights(self._parameters)
            self._look()

    def close(self) -> xr.DataTree:
        """Write the run directory, and give its results. Raises `UserError` if the loop has made too few steps."""
        if self.tree is None:
            try:
                self.tree = self._written()
            finally:
                self._workers.close()
        return self.tree

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self._workers.close()

    def _refuse_broken(self) -> None:
        if self._broken is not None:
            raise UserError(f"the watch has ended with a fault: {self._broken}")

    def _written(self) -> xr.DataTree:
        self._refuse_broken()
        if self._step < self._model.steps and self._point.failed is None:
            raise UserError(
                f"the loop ended after {self._step} of {self._model.steps} steps; nothing is written: the record and "
                "the window are those of all of them; give steps= as many as there are"
            )
        device = str(self._parameters[0].device)
        with handing_over(self._recorded()):
            return execute(
                self._study,
                report=_LATER,
                output=self._study.run_directory,
                device=device,
                overwrite=self._overwrite,
            )

    @contextmanager
    def _apart(self) -> Iterator[None]:
        began = time.perf_counter()
        with given.apart(self._module):
            yield
        self.seconds += time.perf_counter() - began

    def _made(self, data: DataSet) -> Bench:
        model = self._model
        needed = 'H, C and the minimum are of such a sum; give start="here"' if model.start == "minimum" else None
        if needed is None and any(probe.NEEDS for probe in model.probes):
            needed = "the Hessian that probes measure is of such a sum; leave them out"
        problem = given.problem_of(self._module, data, model.loss, needed=needed)
        problem.refuse_batch(self._sgd.batch_size)
        return Bench(problem, dtype=DTYPES[model.precision], seed=self._study.seed, workers=self._workers)

    def _started(self) -> Point:
        model, sgd, bench = self._model, self._sgd, self._bench
        rule = update_rules.build(model.update_rule, sgd, model.steps) if model.rule is not None else None
        per_epoch = len(bench.samples) // sgd.batch_size if sgd.sampling == "epoch" else None
        landmark, start = None, bench.problem.start[0].numpy()
        full = bench.instruments.with_decay(sgd.weight_decay).energy
        if model.start == "minimum":
            landmark = at_minimum.landmark(full, start, model, sgd.weight_decay)
        try:
            point = Point(model, sgd, bench, landmark, rule, per_epoch=per_epoch)
        except Diverged as error:
            raise at_minimum.unstable(error) from None
        if landmark is not None:
            at_minimum.refuse_elsewhere(
                full, start, landmark, point.process, law=model.update_rule.has_law(), batch_size=sgd.batch_size
            )
        return point

    def _look(self) -> None:
        """Record what is there at this step."""
        self._refuse_changed_module()
        with self._apart():
            self._point.look(self._point.view(self._step, self._weights[None]))
            if self._point.failed is None and self._point.records(self._step):
                self._visited[self._step] = self._weights.cpu().numpy()

    def _refuse_changed_module(self) -> None:
        now = given.trainable(self._module)
        if len(now) != len(self._parameters) or any(a is not b for a, b in zip(now, self._parameters, strict=True)):
            raise UserError(
                f"step {self._step}: the model has other trainable parameters than when the watch began; replace, "
                "freeze and move them before that"
            )
        for name, buffer in self._module.named_buffers():
            if name not in self._buffers or not same(buffer, self._buffers[name]):
                raise UserError(
                    f"step {self._step}: the model's buffer {name} has changed, so its loss depends on history; use a "
                    "layer without running statistics, such as LayerNorm or GroupNorm for BatchNorm"
                )

    def _recorded(self) -> xr.Dataset | UserError | Diverged:
        if self._point.failed is not None:
            return self._point.failed
        self._refuse_changed_module()
        with self._apart(), one_blas_thread():
            view = self._point.view(self._step, self._weights[None])
            try:
                found = self._point.finish(view, lambda what: None)
            except UserError as error:  # of a probe: a run that failed is kept as one
                return error
        visited = np.stack([self._visited[int(step)] for step in self._point.record])[None]
        beside = dataset({"visited_weights": visited}, coords={}, declares=self._model.declares())
        return merging.told(found.assign(beside.data_vars)).assign_attrs(seconds_of_watching=round(self.seconds, 3))
