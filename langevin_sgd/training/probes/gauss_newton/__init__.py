"""The `gauss_newton` probe: the Hessian against the second moment of the samples' gradients."""
