"""The checks, each in a folder of its own: its config, and the rows that it makes of observables.

To add one, write its folder and add its line to `CHECKS`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from langevin_sgd.checks.section import CheckSection
from langevin_sgd.config.kinds import Kinds
from langevin_sgd.families import Family, subclass_of

if TYPE_CHECKING:
    from langevin_sgd.study.config import Study

CHECKS: Family[type[CheckSection]] = Family(
    "check",
    {
        "equilibrium": "langevin_sgd.checks.equilibrium.config:EquilibriumCheck",
        "diffusion": "langevin_sgd.checks.diffusion.config:DiffusionCheck",
        "occupancy": "langevin_sgd.checks.occupancy.config:OccupancyCheck",
        "stationarity": "langevin_sgd.checks.stationarity.config:StationarityCheck",
        "flat_modes": "langevin_sgd.checks.flat_modes.config:FlatModesCheck",
        "twin": "langevin_sgd.checks.twin.config:TwinCheck",
        "flatness": "langevin_sgd.checks.flatness.config:FlatnessCheck",
        "ageing": "langevin_sgd.checks.ageing.config:AgeingCheck",
        "temperature": "langevin_sgd.checks.temperature.config:TemperatureCheck",
    },
    group="langevin_sgd.checks",
    is_member=subclass_of(CheckSection),
    needed="a subclass of langevin_sgd.checks.section.CheckSection",
)
CHECK_KINDS = Kinds(CHECKS, CheckSection, by_name=True)
Check = Annotated[CheckSection, CHECK_KINDS]


def check_defaults(kind: str) -> dict[str, Any]:
    """The settings of a check by default."""
    return dict(CHECKS[kind](kind=kind).model_dump())


def possible(study: Study) -> list[str]:
    """The checks of this package that can be made of a study with their settings by default."""
    return [name for name in CHECKS if CHECKS.is_own(name) and CHECKS[name](kind=name).covered(study)]
