"""What is emitted by ensembles in training: along the way, beside it, and at the minimum."""

from __future__ import annotations

from langevin_sgd.observables.modes import MODES
from langevin_sgd.observables.variable import Variable, declare, merged

TRAINING = merged(
    MODES,
    declare(
        minimum=Variable(("parameter",), "position of the minimum"),
        hessian=Variable(("parameter", "parameter_2"), "Hessian of the energy at the minimum"),
        noise_covariance=Variable(("parameter", "parameter_2"), "covariance of one per-sample gradient at the minimum"),
        curvature_root=Variable(
            ("training_sample", "output", "parameter"),
            "rows r of the curvature r^T r of each sample's loss, where that is least squares",
        ),
        energy_at_minimum=Variable((), "energy at the minimum"),
        gradient_norm_at_minimum=Variable((), "norm of the full gradient at the minimum"),
        step_left_beside_modes=Variable(
            (), "length of the step left to the minimum in all directions beside the measured modes"
        ),
        control_squared_displacement=Variable(
            ("time",), "squared distance from the start of the zero-temperature control"
        ),
        control_energy=Variable(("time",), "energy of the zero-temperature control"),
        learning_rate_factor=Variable(("time",), "learning rate over that of the sgd, by the schedule"),
        rule_carry=Variable(
            ("rule_state", "rule_state_2"),
            "what a step of the rule makes of weight and slots without a gradient",
        ),
        rule_kick=Variable(("rule_state",), "what a gradient of 1 adds to weight and slots in a step"),
        rule_first_kick=Variable(("rule_state",), "what it adds to them in the first step"),
        rule_decay=Variable((), "weight decay that the step adds to the gradient itself"),
        preconditioner=Variable(
            ("parameter",),
            "what the rule multiplies gradients by: 1 over the mean of its inverse in the window",
        ),
        evaluated=Variable(("time",), "whether loss, energy and accuracy were evaluated at this step"),
        evaluation_bits=Variable((), "bits of the arithmetic in which they were evaluated", "bit"),
        evaluation_samples=Variable((), "training samples on which they were evaluated"),
        train_loss=Variable(("replica", "time"), "training loss without weight decay"),
        test_loss=Variable(("replica", "time"), "test loss without weight decay"),
        train_loss_stderr=Variable(
            ("replica", "time"), "standard error of the training loss as that of all samples, from those it is of"
        ),
        test_loss_stderr=Variable(
            ("replica", "time"), "standard error of the test loss as that of all samples, from those it is of"
        ),
        train_accuracy=Variable(("replica", "time"), "training accuracy"),
        test_accuracy=Variable(("replica", "time"), "test accuracy"),
    ),
)
"""Those of a stationary window among them."""

AT_MINIMUM = (
    *("minimum", "energy_at_minimum", "gradient_norm_at_minimum", "hessian", "noise_covariance"),
    "curvature_root",
    *("hessian_eigenvalue", "hessian_eigenvector", "noise_in_mode", "noisy", "alignment", "noise_scale"),
    *("noise_in_modes", "noise_trace", "noise_share", "step_left_beside_modes"),
)
"""What is said of the minimum alone, whatever moves the replicas about it."""
