"""What is emitted by kinds with a stationary window: fluctuations along the Hessian's eigenvectors, and their laws."""

from __future__ import annotations

from langevin_sgd.observables.variable import Coordinate, Variable, declare, with_errors

MODES = declare(
    mode=Coordinate(("mode",), "Hessian eigenvector, largest eigenvalue first"),
    phase=Coordinate(("phase",), "minibatches of the epoch already used"),
    sample_step=Coordinate(("sample",), "step at which the stationary window was sampled", "step"),
    mode_moment_1=Variable(("replica", "mode"), "time average of the displacement from the minimum"),
    mode_moment_2=Variable(("replica", "mode"), "time average of the squared displacement from the minimum"),
    **with_errors("mode_mean", ("mode",), "mean displacement from the minimum"),
    **with_errors("mode_variance", ("mode",), "stationary variance about the mean"),
    mode_variance_law=Variable(("law", "mode"), "stationary variance, by law"),
    mode_mean_law=Variable(("law", "mode"), "mean displacement from the minimum, by law"),
    moments_alone_law=Variable(
        ("law",), "1 where a law is of second moments alone, by which positions need not be Gaussian"
    ),
    energy_law_weight=Variable(("law", "mode"), "weights of the energy's chi-squared law, eig(H^1/2 S H^1/2)/2"),
    energy_law_phase_weight=Variable(
        ("phase", "mode"), "the same weights of the epoch law at equally spaced phases of an epoch"
    ),
    mode_energy=Variable(
        ("replica", "sample"),
        "energy along the measured modes, sum k x^2/2, in the stationary window",
    ),
    stationary_energy=Variable(("replica", "sample"), "energy above the minimum in the stationary window"),
    hessian_eigenvalue=Variable(("mode",), "eigenvalue of the Hessian at the minimum"),
    noise_in_mode=Variable(("mode",), "variance of one per-sample gradient along the eigenvector"),
    noise_in_modes=Variable(("mode", "mode_2"), "covariance of one per-sample gradient along the measured modes"),
    noise_trace=Variable((), "trace of the covariance of one per-sample gradient, over all directions"),
    noise_share=Variable((), "part of that trace that lies in the measured modes"),
    noisy=Variable(("mode",), "whether the gradient noise reaches the mode"),
    autocorrelation_time=Variable(("mode",), "predicted autocorrelation time of the mode, in steps", "step"),
    transient_deficit=Variable(
        (), "predicted relative deficit of the total variance in the window, from starting at the minimum"
    ),
    hessian_eigenvector=Variable(("parameter", "mode"), "eigenvectors of the Hessian"),
    alignment=Variable((), "alignment of Hessian and noise covariance, tr(HC)/(|H||C|)"),
    noise_scale=Variable((), "noise scale sigma, sigma^2 = tr C/d"),
)
