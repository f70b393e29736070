"""Update rules: how weights follow from gradients, each in a folder of its own.

To add one, write its folder, a section for the config and the step (`UpdateRule`), and add its line to `UPDATE_RULES`.
One of the user's own is one file with both, named in a config as "module:Class" of the section.
"""

from __future__ import annotations

from typing import Annotated

from langevin_sgd.config.kinds import Kinds
from langevin_sgd.families import Family, subclass_of
from langevin_sgd.training.update_rules.section import UpdateRuleSection

UPDATE_RULES: Family[type[UpdateRuleSection]] = Family(
    "update rule",
    {
        "sgd": "langevin_sgd.training.update_rules.sgd.config:SgdRule",
        "adam": "langevin_sgd.training.update_rules.adam.config:AdamRule",
        "adamw": "langevin_sgd.training.update_rules.adamw.config:AdamWRule",
        "rmsprop": "langevin_sgd.training.update_rules.rmsprop.config:RmspropRule",
        "adagrad": "langevin_sgd.training.update_rules.adagrad.config:AdagradRule",
    },
    group="langevin_sgd.update_rules",
    is_member=subclass_of(UpdateRuleSection),
    needed="a subclass of langevin_sgd.training.UpdateRuleSection",
)
UPDATE_RULE_KINDS = Kinds(UPDATE_RULES, UpdateRuleSection, by_name=True, unread=True, formerly={"heavy_ball": "sgd"})
UpdateRuleKind = Annotated[UpdateRuleSection, UPDATE_RULE_KINDS]
