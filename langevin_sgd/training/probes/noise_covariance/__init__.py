"""The `noise_covariance` probe: size, shape and tails of the gradient noise."""
