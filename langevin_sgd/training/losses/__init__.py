"""Losses: what one sample costs by its outputs and its target, each in a folder of its own.

To add one, write its folder, a section for the config and its functions (`Loss`), and add its line to `LOSSES`. One of
the user's own is a plain function, by the kind `function`, or one file with both of these, named in a config as
"module:Class" of the section.
"""

from __future__ import annotations

from typing import Annotated

from langevin_sgd.config.kinds import Kinds
from langevin_sgd.families import Family, subclass_of
from langevin_sgd.training.losses.section import LossSection

LOSSES: Family[type[LossSection]] = Family(
    "loss",
    {
        "cross_entropy": "langevin_sgd.training.losses.cross_entropy.config:CrossEntropyLoss",
        "cross_entropy_plus_energy": (
            "langevin_sgd.training.losses.cross_entropy_plus_energy.config:CrossEntropyPlusEnergyLoss"
        ),
        "mse": "langevin_sgd.training.losses.mse.config:SquaredErrorLoss",
        "mse_of_averages": "langevin_sgd.training.losses.mse_of_averages.config:SquaredErrorOfAveragesLoss",
        "function": "langevin_sgd.training.losses.function.config:FunctionLoss",
    },
    group="langevin_sgd.losses",
    is_member=subclass_of(LossSection),
    needed="a subclass of langevin_sgd.training.LossSection",
)
LOSS_KINDS = Kinds(LOSSES, LossSection, by_name=True, unread=True)
LossKind = Annotated[LossSection, LOSS_KINDS]
