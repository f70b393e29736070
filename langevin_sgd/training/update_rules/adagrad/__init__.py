"""The `adagrad` rule: the gradient over the root of the sum of all squares before, coordinate by coordinate."""
