"""A loop under watch: held against what was told of it at every step, recorded at some, written at the end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import nn

from langevin_sgd.errors import UserError
from langevin_sgd.integrators.divergence import Diverged
from langevin_sgd.models.network.bench import DTYPES, Bench
from langevin_sgd.models.network.point import Point
from langevin_sgd.models.watched import merging
from langevin_sgd.models.watched.config import WatchedModel
from langevin_sgd.models.watched.run import handing_over
from langevin_sgd.observables.declared import dataset
from langevin_sgd.one_thread import one_blas_thread
from langevin_sgd.own_loop import at_minimum, given, optimizers
from langevin_sgd.own_loop.first_step import refuse_other_step
from langevin_sgd.own_loop.learning_rates import LearningRates
from langevin_sgd.own_loop.told import Told, refuse_changed, settings
from langevin_sgd.study.config import Study
from langevin_sgd.study.execute import Report, execute
from langevin_sgd.study.loading import parse
from langevin_sgd.training.data.dataset import DataSet
from langevin_sgd.training.state_changes import same
from langevin_sgd.training.threads import Workers
from langevin_sgd.training.update_rules import checking as update_rules
from langevin_sgd.training.view import View

NAME = "network"
"""What the model is called in the study of a watched loop."""

_LATER = Report(lambda study: None, lambda run, progress: None)  # of one replica it says little, and takes seconds


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
        has_rate = optimizer is not None and "lr" in optimizer.param_groups[0]
        self._rates = LearningRates(optimizer, self._sgd.learning_rate) if optimizer is not None and has_rate else None
        self._parameters = given.trainable(module)
        self._buffers = {name: buffer.detach().clone() for name, buffer in module.named_buffers()}
        fresh = self._sgd.momentum == 0 if optimizer is None else not optimizer.state
        plain = known.rule is not None and known.rule["kind"] == "sgd" and not known.rule.get("nesterov")
        self._tries_first = fresh and plain
        self._workers = Workers(at_minimum.workers_for(module))
        self._step, self._visited = 0, dict[int, NDArray[Any]]()
        self._weights = given.weights(self._parameters)
        try:
            with self._apart(), one_blas_thread():
                self._bench = self._made(data)
                self._point = self._started()
            self._look()
        except BaseException:
            self._let_go()
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
        rate = self._sgd.learning_rate
        if self._optimizer is not None and self._settings is not None:
            window = self._model.has_stationary_window()
            refuse_changed(self._settings, settings(self._optimizer), self._step, window=window)
        if self._rates is not None:
            rate = self._rates.made(self._step)
        if self._step == 1 and self._tries_first:
            sgd = self._sgd.model_copy(update={"learning_rate": rate})
            refuse_other_step(self._weights, given.weights(self._parameters), self._parameters, sgd)
        if self._step in self._point.looks and self._point.failed is None:
            self._weights = given.weights(self._parameters)
            self._look()

    def close(self) -> xr.DataTree:
        """Write the run directory, and give its results. Raises `UserError` if the loop has made too few steps."""
        if self.tree is None:
            try:
                self.tree = self._written()
            finally:
                self._let_go()
        return self.tree

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self._let_go()

    def _let_go(self) -> None:
        self._workers.close()
        if self._rates is not None:
            self._rates.close()

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
                self._study_of_what_was_seen(),
                report=_LATER,
                output=self._study.run_directory,
                device=device,
                overwrite=self._overwrite,
            )

    def _study_of_what_was_seen(self) -> Study:
        if self._rates is None or self._rates.constant():
            return self._study
        written = self._study.as_written()
        written["models"][NAME] |= {"learning_rate_changes": True}
        return parse(written)

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
            needed = "what probes take of the training is of such a sum; leave them out"
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
            point = Point(model, sgd, bench, landmark, rule, per_epoch=per_epoch, schedule=self._rates)
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
            self._point.look(self._view())
            if self._point.failed is None and self._point.records(self._step):
                self._visited[self._step] = self._weights.cpu().numpy()

    def _view(self) -> View:
        """What probes see; of what the optimizer remembers that which gives its preconditioner."""
        rule, told = self._model.update_rule, dict[str, Any]()
        if rule.PRECONDITIONER and self._optimizer is not None:
            told["optimiser_state"] = optimizers.remembered(self._optimizer, self._parameters, rule.slots(self._sgd))
        return self._point.view(self._step, self._weights[None], **told)

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
            try:
                found = self._point.finish(self._view(), lambda what: None)
            except UserError as error:  # of a probe: a run that failed is kept as one
                return error
        visited = np.stack([self._visited[int(step)] for step in self._point.record])[None]
        more: dict[str, NDArray[Any]] = {"visited_weights": visited}
        if self._rates is not None and not self._rates.alike():
            more["group_learning_rate"] = self._rates.of_groups(self._point.record)
        beside = dataset(more, coords={}, declares=self._model.declares())
        return merging.told(found.assign(beside.data_vars)).assign_attrs(seconds_of_watching=round(self.seconds, 3))
