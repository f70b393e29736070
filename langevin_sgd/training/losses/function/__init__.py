"""The `function` loss: one of the user's own as a plain function."""
