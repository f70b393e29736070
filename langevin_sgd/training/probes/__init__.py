"""Probes: measurements at the weights that training visits, each in a folder of its own.

To add one, write its folder, a section for the config and what measures (`Probe`), and add its line to `PROBES`. One of
the user's own is one file with both, named in a config as "module:Class" of the section.
"""

from __future__ import annotations

from typing import Annotated

from langevin_sgd.config.kinds import Kinds
from langevin_sgd.families import Family, subclass_of
from langevin_sgd.training.probes.section import ProbeSection

PROBES: Family[type[ProbeSection]] = Family(
    "probe",
    {
        "averages": "langevin_sgd.training.probes.averages.config:AveragesProbe",
        "sharpness": "langevin_sgd.training.probes.sharpness.config:SharpnessProbe",
        "batch_sharpness": "langevin_sgd.training.probes.batch_sharpness.config:BatchSharpnessProbe",
        "gauss_newton": "langevin_sgd.training.probes.gauss_newton.config:GaussNewtonProbe",
        "noise_covariance": "langevin_sgd.training.probes.noise_covariance.config:NoiseCovarianceProbe",
        "scale_invariance": "langevin_sgd.training.probes.scale_invariance.config:ScaleInvarianceProbe",
        "critical_samples": "langevin_sgd.training.probes.critical_samples.config:CriticalSamplesProbe",
        "degrees_of_freedom": "langevin_sgd.training.probes.degrees_of_freedom.config:DegreesOfFreedomProbe",
        "per_example": "langevin_sgd.training.probes.per_example.config:PerExampleProbe",
        "generalisation": "langevin_sgd.training.probes.generalisation.config:GeneralisationProbe",
        "hessian_spectrum": "langevin_sgd.training.probes.hessian_spectrum.config:HessianSpectrumProbe",
        "neural_tangent_kernel": "langevin_sgd.training.probes.neural_tangent_kernel.config:NeuralTangentKernelProbe",
        "spectrum_of_error": "langevin_sgd.training.probes.spectrum_of_error.config:SpectrumOfErrorProbe",
        "tangent": "langevin_sgd.training.probes.tangent.config:TangentProbe",
        "stationarity": "langevin_sgd.training.probes.stationarity.config:StationarityProbe",
        "frozen_noise": "langevin_sgd.training.probes.frozen_noise.config:FrozenNoiseProbe",
        "mode_covariance": "langevin_sgd.training.probes.mode_covariance.config:ModeCovarianceProbe",
        "final_weights": "langevin_sgd.training.probes.final_weights.config:FinalWeightsProbe",
        "mode_growth": "langevin_sgd.training.probes.mode_growth.config:ModeGrowthProbe",
        "segments": "langevin_sgd.training.probes.segments.config:SegmentsProbe",
        "plane": "langevin_sgd.training.probes.plane.config:PlaneProbe",
        "roughness": "langevin_sgd.training.probes.roughness.config:RoughnessProbe",
        "inherent_structures": "langevin_sgd.training.probes.inherent_structures.config:InherentStructuresProbe",
        "two_time": "langevin_sgd.training.probes.two_time.config:TwoTimeProbe",
        "reconstruction": "langevin_sgd.training.probes.reconstruction.config:ReconstructionProbe",
        "response": "langevin_sgd.training.probes.response.config:ResponseProbe",
    },
    group="langevin_sgd.probes",
    is_member=subclass_of(ProbeSection),
    needed="a subclass of langevin_sgd.training.ProbeSection",
)
PROBE_KINDS = Kinds(PROBES, ProbeSection, by_name=True, unread=True)
ProbeKind = Annotated[ProbeSection, PROBE_KINDS]
