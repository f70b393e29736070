"""The `neural_tangent_kernel` probe: how far the tangent kernel drifts, and how its modes learn."""
