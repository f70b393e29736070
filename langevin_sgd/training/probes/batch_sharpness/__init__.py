"""The `batch_sharpness` probe: the curvature that a step of SGD meets along its own gradient."""
