"""What a rule does to one mode, found by letting it step: the matrix and the kick of a step that is linear.

The rule is run on unit vectors, a weight, a slot or a gradient of 1, and on combinations of them: the step of a linear
rule is the combination of those steps, and the same at every step but the first, of which the kick alone may differ.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.errors import UserError
from langevin_sgd.theory.companion import Companion
from langevin_sgd.training.update_rules.rule import Numbers, Replicas, UpdateRule
from langevin_sgd.training.update_rules.section import UpdateRuleSection

Array = NDArray[np.float64]

_LATER = (1, 2, 7, 1000)
_COMBINED = 4
_ROUNDING = 1e-9


def companion(section: UpdateRuleSection, sgd: Sgd, rule: UpdateRule) -> Companion | None:
    """The linear step of a rule, or of what is left of one whose preconditioner is held; None if it says it has none.

    Raises `UserError` for a rule that says its step is linear, and whose step is not.
    """
    if section.has_law():
        return linear_step(section, sgd, rule)
    left = section.held(sgd)
    if left is None or section.clips():
        return None
    of_held, its_sgd = left
    return linear_step(of_held, its_sgd, of_held.build(its_sgd))


def linear_step(section: UpdateRuleSection, sgd: Sgd, rule: UpdateRule) -> Companion:
    """The step on one mode. Raises `UserError` if it is not linear, or not the same at every step but the first."""
    settled = section.schedule.settled() or 0
    slots = section.slots(sgd)
    size = 1 + len(slots)
    drawn = np.random.default_rng(0).normal(size=(_COMBINED, size + 1))
    given = np.concatenate([np.eye(size + 1), np.zeros((1, size + 1)), drawn])
    later = [_stepped(rule, slots, sgd, given, settled + step) for step in _LATER]
    found = later[0]
    scale = float(np.abs(found).max(initial=0.0))
    combined = given @ found[: size + 1]
    if not all(np.allclose(each, combined, rtol=0.0, atol=_ROUNDING * scale) for each in later):
        raise UserError(
            f"update rule {section.kind}: LINEAR says that its step is linear, and the same at every step but the "
            "first, and it is not; take LINEAR out, then no law is claimed for it"
        )
    kick = found[size]
    first = kick if settled else _stepped(rule, slots, sgd, given, 0)[size]
    return Companion(carry=found[:size].T.copy(), kick=kick, first=first, decay=sgd.weight_decay)


def _stepped(rule: UpdateRule, slots: tuple[str, ...], sgd: Sgd, given: Array, step: int) -> Array:
    """Where one step leads from rows of a weight, slots and a gradient, (row, 1 + slots)."""
    # twice beside each other, for a rule must not care what other weights there are; of one alone it might
    columns = torch.from_numpy(np.ascontiguousarray(given.T))
    weights = columns[0][:, None].repeat(1, 2)
    kept = {name: columns[1 + place][:, None].repeat(1, 2) for place, name in enumerate(slots)}
    numbers = Numbers.of([sgd] * len(weights), weights.device)
    in_shape = {name: [each] for name, each in kept.items()}
    replicas = Replicas(weights, [weights], kept, in_shape, batch_size=1, numbers=numbers)
    replicas.step, replicas.summed = step, [columns[-1][:, None].repeat(1, 2)]
    with torch.inference_mode():
        rule.update(replicas)
    return np.stack([weights.numpy()[:, 0], *(each.numpy()[:, 0] for each in kept.values())], axis=1)
