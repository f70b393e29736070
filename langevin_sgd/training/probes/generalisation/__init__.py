"""The `generalisation` probe: errors on the training set and on the test set, and their difference."""
