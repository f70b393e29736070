"""The `ornstein_uhlenbeck` model: a quadratic energy with constant Gaussian noise."""
