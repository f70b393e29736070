"""The kinds of model, each in a folder of its own: its config, its run, and what else it needs.

To add one, write its folder and add its line to `MODELS`.
"""

from __future__ import annotations

from typing import Annotated

from langevin_sgd.config.kinds import Kinds
from langevin_sgd.errors import UserError
from langevin_sgd.families import Family, subclass_of
from langevin_sgd.models.own_kinds import runs
from langevin_sgd.models.section import ModelSection
from langevin_sgd.observables.ensemble import ENSEMBLE
from langevin_sgd.observables.variable import Declarations, Variable, merged
from langevin_sgd.training.probes import PROBES

MODELS: Family[type[ModelSection]] = Family(
    "model kind",
    {
        "network": "langevin_sgd.models.network.config:NetworkModel",
        "interpolation": "langevin_sgd.models.interpolation.config:InterpolationModel",
        "ornstein_uhlenbeck": "langevin_sgd.models.ornstein_uhlenbeck.config:OrnsteinUhlenbeckModel",
        "langevin": "langevin_sgd.models.langevin.config:LangevinModel",
        "basins": "langevin_sgd.models.basins.config:BasinsModel",
        "random_potential": "langevin_sgd.models.random_potential.config:RandomPotentialModel",
        "langevin_twin": "langevin_sgd.models.langevin_twin.config:LangevinTwinModel",
        "watched": "langevin_sgd.models.watched.config:WatchedModel",
    },
    group="langevin_sgd.models",
    is_member=lambda found: subclass_of(ModelSection)(found) and runs(found),
    needed="a subclass of langevin_sgd.models.section.ModelSection with a method run, or the path of one in RUN,",
)
MODEL_KINDS = Kinds(MODELS, ModelSection)
Model = Annotated[ModelSection, MODEL_KINDS]


def declared(**more: Declarations) -> dict[str, Variable]:
    """All that this package declares of observables: every ensemble, kinds of model and of probe; and `more` by name.

    Raises `UserError` if two say different things of a name: a check could not know what it reads.
    """
    whole: dict[str, Variable] = dict(ENSEMBLE)
    tables = [(kind, MODELS[kind].DECLARES) for kind in MODELS if MODELS.is_own(kind)]
    tables += [(kind, PROBES[kind].DECLARES) for kind in PROBES if PROBES.is_own(kind)]
    for kind, table in [*tables, *more.items()]:
        try:
            whole = merged(whole, table)
        except ValueError as error:
            raise UserError(f"{kind}: {error}") from None
    return whole
