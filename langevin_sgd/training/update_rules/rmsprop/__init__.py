"""The `rmsprop` rule: the gradient over the root of its mean square, coordinate by coordinate."""
