"""Schedules: what the learning rate is multiplied by at each step of a training, each in a file of its own.

To add one, write its section and add its line to `SCHEDULES`. One of the user's own is a function of the step, named in
a config as "module:function"; an entry point is a section.
"""

from __future__ import annotations

from typing import Annotated

from langevin_sgd.config.kinds import Kinds
from langevin_sgd.families import Family, subclass_of
from langevin_sgd.training.schedules.own import OwnSchedule
from langevin_sgd.training.schedules.section import ScheduleSection

SCHEDULES: Family[type[ScheduleSection]] = Family(
    "schedule",
    {
        "constant": "langevin_sgd.training.schedules.constant:ConstantSchedule",
        "step": "langevin_sgd.training.schedules.step:StepSchedule",
        "linear": "langevin_sgd.training.schedules.linear:LinearSchedule",
        "cosine": "langevin_sgd.training.schedules.cosine:CosineSchedule",
    },
    group="langevin_sgd.schedules",
    is_member=subclass_of(ScheduleSection),
    needed="a subclass of langevin_sgd.training.ScheduleSection",
)
SCHEDULE_KINDS = Kinds(SCHEDULES, ScheduleSection, by_name=True, named="constant", functions=OwnSchedule)
ScheduleKind = Annotated[ScheduleSection, SCHEDULE_KINDS]
