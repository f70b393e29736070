"""The config of a study: YAML or a dict in, a frozen and consistent `Study` out, or one line that says what to mend."""

from langevin_sgd.config.basins import BasinsModel
from langevin_sgd.config.checks import (
    Check,
    DiffusionCheck,
    EquilibriumCheck,
    FlatnessCheck,
    OccupancyCheck,
    check_defaults,
)
from langevin_sgd.config.errors import ConfigError, Problem
from langevin_sgd.config.interpolation import Endpoint, InterpolationModel
from langevin_sgd.config.langevin import (
    DiagonalGradientNoise,
    FormulaNoise,
    IsotropicGradientNoise,
    LangevinEquation,
    LangevinModel,
    LowRankNoise,
)
from langevin_sgd.config.loading import json_schema, load, located, parse, resolved_yaml
from langevin_sgd.config.network import (
    BUILT_IN_DATA,
    CURVATURE_PARAMETER_LIMIT,
    Architecture,
    Data,
    Module,
    MultilayerPerceptron,
    NetworkModel,
    Softmax,
    parameter_count,
    train_size,
)
from langevin_sgd.config.ornstein_uhlenbeck import OrnsteinUhlenbeckModel
from langevin_sgd.config.probes import InherentStructuresProbe, Probe, SharpnessProbe
from langevin_sgd.config.quadratic import (
    DiagonalHessian,
    DiagonalNoise,
    Displacement,
    FullHessian,
    FullNoise,
    Hessian,
    IsotropicNoise,
    MeasuredHessian,
    MeasuredNoise,
    Noise,
)
from langevin_sgd.config.random_potential import RandomPotentialModel
from langevin_sgd.config.sgd import Sgd, SgdOverride
from langevin_sgd.config.study import Model, Study

__all__ = [
    "BUILT_IN_DATA",
    "CURVATURE_PARAMETER_LIMIT",
    "Architecture",
    "BasinsModel",
    "Check",
    "ConfigError",
    "Data",
    "DiagonalGradientNoise",
    "DiagonalHessian",
    "DiagonalNoise",
    "DiffusionCheck",
    "Displacement",
    "Endpoint",
    "EquilibriumCheck",
    "FlatnessCheck",
    "FormulaNoise",
    "FullHessian",
    "FullNoise",
    "Hessian",
    "InherentStructuresProbe",
    "InterpolationModel",
    "IsotropicGradientNoise",
    "IsotropicNoise",
    "LangevinEquation",
    "LangevinModel",
    "LowRankNoise",
    "MeasuredHessian",
    "MeasuredNoise",
    "Model",
    "Module",
    "MultilayerPerceptron",
    "NetworkModel",
    "Noise",
    "OccupancyCheck",
    "OrnsteinUhlenbeckModel",
    "Probe",
    "Problem",
    "RandomPotentialModel",
    "Sgd",
    "SgdOverride",
    "SharpnessProbe",
    "Softmax",
    "Study",
    "check_defaults",
    "json_schema",
    "load",
    "located",
    "parameter_count",
    "parse",
    "resolved_yaml",
    "train_size",
]
