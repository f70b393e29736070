"""The `langevin_twin` model: a network moved by the stochastic differential equation that its SGD is taken for."""
