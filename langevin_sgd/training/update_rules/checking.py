"""The update rule of a config, made for one training; one of the user's own is tried before it moves a network."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from langevin_sgd import user_code
from langevin_sgd.config.sgd import Sgd
from langevin_sgd.errors import UserError
from langevin_sgd.training.schedules.section import ScheduleSection
from langevin_sgd.training.update_rules.around import around
from langevin_sgd.training.update_rules.rule import Numbers, Replicas, UpdateRule
from langevin_sgd.training.update_rules.section import UpdateRuleSection

_WEIGHTS, _BATCH, _STEPS = 5, 2, 3
_FIRST_STEPS = 1000  # at which a schedule is tried, and as many later ones


def build(section: UpdateRuleSection, sgd: Sgd, steps: int) -> UpdateRule:
    """The rule of a config for a training of so many steps, with what is common to all rules around it.

    Raises `UserError` if one of the user's own cannot be built, fails, lets a replica depend on another, or remembers
    what is in no slot; and if a schedule of the user's own fails at one of the steps at which it is tried: the first
    thousand, a thousand at equal ratios after them, and the last.
    """
    if section.schedule.code():
        _try_schedule(section.schedule, steps)
    ours = type(section).__module__.startswith("langevin_sgd.")
    return around(section.build(sgd) if ours else _of_users(section, sgd), section, steps)


def _try_schedule(schedule: ScheduleSection, steps: int) -> None:
    factors = schedule.factors()
    later = np.geomspace(_FIRST_STEPS, steps - 1, _FIRST_STEPS) if steps > _FIRST_STEPS else np.empty(0)
    for step in dict.fromkeys([*range(min(steps, _FIRST_STEPS)), *later.round().astype(int).tolist()]):
        factors(step, steps)


def _of_users(section: UpdateRuleSection, sgd: Sgd) -> UpdateRule:
    name = f"update rule {section.kind}"
    rule: Any = user_code.call(f"{name}: it cannot be built", section.build, sgd)
    if not isinstance(rule, UpdateRule):
        built = type(rule).__name__
        raise UserError(f"{name}: built {built}; a subclass of langevin_sgd.training.UpdateRule is needed")
    own, slots = _Own(rule, name), section.slots(sgd)
    first, again, beside = (_tried(own, slots, rows, (sgd, sgd)) for rows in ((0, 1), (0, 1), (0, 2)))
    if torch.equal(first, again) and not torch.equal(first[0], beside[0]):
        raise UserError(f"{name}: a replica moves otherwise beside another one; let each row depend on itself alone")
    if not torch.equal(first, again):
        raise UserError(
            f"{name}: its steps are others once it has made some; keep what it remembers in SLOTS, and read the step's "
            "number from replicas.step"
        )
    _refuse_deaf(section, sgd, own, name)
    return own


def _refuse_deaf(section: UpdateRuleSection, sgd: Sgd, rule: UpdateRule, name: str) -> None:
    """Raise `UserError` if it moves replicas with numbers of their own otherwise than a rule built with those."""
    for key in section.FUSED:
        other = sgd.model_copy(update={key: 0.5 * getattr(sgd, key)})
        if other == sgd or section.alike(other) != section.alike(sgd):
            continue
        slots = section.slots(sgd)
        built = user_code.call(f"{name}: it cannot be built", section.build, other)
        alone = _tried(_Own(built, name), slots, (0, 1), (other, other))
        if not torch.equal(_tried(rule, slots, (0, 1), (sgd, other))[1], alone[1]):
            raise UserError(
                f"{name}: FUSED names {key}, but a replica whose {key} is another is not moved by it; read "
                f"replicas.{key}, a column (replica, 1), or take {key} out of FUSED"
            )


def _tried(rule: UpdateRule, slots: tuple[str, ...], rows: tuple[int, ...], sgds: tuple[Sgd, ...]) -> Tensor:
    """Where a few steps lead from the weights of some replicas, (replica, d)."""
    drawn = torch.randn(3, 1 + _STEPS, _WEIGHTS, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    chosen = drawn[list(rows)]
    weights = chosen[:, 0].clone()
    kept = {name: torch.zeros_like(weights) for name in slots}
    numbers = Numbers.of(sgds, weights.device)
    in_shape = {name: [each] for name, each in kept.items()}
    replicas = Replicas(weights, [weights], kept, in_shape, batch_size=_BATCH, numbers=numbers)
    with torch.inference_mode():
        for step in range(_STEPS):
            replicas.step, replicas.summed = step, [chosen[:, 1 + step].clone()]
            rule.update(replicas)
    return weights


class _Own(UpdateRule):
    """A rule of the user's own: what it raises becomes one line."""

    def __init__(self, rule: UpdateRule, name: str) -> None:
        self._rule, self._name = rule, name

    def update(self, replicas: Replicas) -> None:
        """Let it make a step. It is called by several threads and at every step: settings are not looked after here."""
        try:
            self._rule.update(replicas)
        except (UserError, KeyboardInterrupt):
            raise
        except BaseException as error:
            raise user_code.UserCodeError(
                f"{self._name}: step {replicas.step} failed: {user_code.told(error)}"
            ) from error
