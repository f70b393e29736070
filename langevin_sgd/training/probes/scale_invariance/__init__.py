"""The `scale_invariance` probe: sharpness before and after a rescaling that leaves the function as it is."""
