"""Laws: what theory says of a model's observables, from what was measured and what it was run with.

A run stores what was measured. Laws are evaluated when it is checked, drawn or reported, and their answers are kept
beside the data with the name and the version of each law. To add one, write it in a file and add its line to `LAWS`.
"""

from __future__ import annotations

from langevin_sgd.families import Family, instance_of
from langevin_sgd.laws.law import Law as Law
from langevin_sgd.laws.law import NoAnswer as NoAnswer
from langevin_sgd.laws.law import Point as Point

LAWS: Family[Law] = Family(
    "law",
    {
        # of fluctuations in a valley, quadratic but for the first
        "discrete": "langevin_sgd.laws.quadratic:DISCRETE",
        "continuum": "langevin_sgd.laws.quadratic:CONTINUUM",
        "isotropic": "langevin_sgd.laws.quadratic:ISOTROPIC",
        "epoch": "langevin_sgd.laws.quadratic:EPOCH",
        "companion": "langevin_sgd.laws.companion:COMPANION",
        "companion_epoch": "langevin_sgd.laws.companion:COMPANION_EPOCH",
        "frozen_preconditioner": "langevin_sgd.laws.companion:FROZEN_PRECONDITIONER",
        "finite_data": "langevin_sgd.laws.least_squares:FINITE_DATA",
        "self_consistent": "langevin_sgd.laws.self_consistent:SELF_CONSISTENT",
        "twin_at_minimum": "langevin_sgd.laws.twin:TWIN",
        # of where walkers stay in a landscape and how they leave it, and of SGD on a line
        "fokker_planck": "langevin_sgd.models.basins.laws:FOKKER_PLANCK",
        "chain": "langevin_sgd.models.basins.laws:CHAIN",
        "chain_of_minibatches": "langevin_sgd.models.interpolation.laws:CHAIN",
        "twin": "langevin_sgd.models.interpolation.laws:TWIN",
        "ito": "langevin_sgd.models.interpolation.laws:ITO",
        "boltzmann": "langevin_sgd.models.basins.laws:BOLTZMANN",
        "boltzmann_on_line": "langevin_sgd.models.interpolation.laws:BOLTZMANN",
        "laplace": "langevin_sgd.models.basins.laws:LAPLACE",
        "finite_step": "langevin_sgd.models.basins.laws:FINITE_STEP",
        "slide": "langevin_sgd.models.basins.laws:SLIDE",
        "eyring_kramers": "langevin_sgd.models.basins.laws:EYRING_KRAMERS",
        # of random potentials
        "structure_function": "langevin_sgd.models.random_potential.laws:STRUCTURE_FUNCTION",
        "effective_diffusion": "langevin_sgd.models.random_potential.laws:EFFECTIVE_DIFFUSION",
    },
    group="langevin_sgd.laws",
    is_member=instance_of(Law),
    needed="a langevin_sgd.laws.Law",
)
"""The laws in the order in which they stand along the dimension `law`. Those of one name are of different processes."""
