"""The `cross_entropy` loss, of classes."""
