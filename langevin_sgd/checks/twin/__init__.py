"""The check of whether SGD follows its own stochastic differential equation."""
