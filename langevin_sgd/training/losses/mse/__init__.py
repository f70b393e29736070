"""The `mse` loss, of real targets and of classes."""
