"""The `network` model: an ensemble of real networks in training."""
