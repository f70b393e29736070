"""The `adam` rule: the mean gradient over the root of the mean square, coordinate by coordinate."""
