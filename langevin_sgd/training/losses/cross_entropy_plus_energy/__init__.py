"""The `cross_entropy_plus_energy` loss: an energy of the weights, the last output, beside that of the data."""
