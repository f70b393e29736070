"""Random numbers and integrators: what turns a landscape and a noise into trajectories."""
