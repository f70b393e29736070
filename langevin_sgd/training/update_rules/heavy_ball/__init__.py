"""The `heavy_ball` rule: SGD with momentum, and without."""
