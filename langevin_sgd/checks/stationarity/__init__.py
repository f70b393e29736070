"""The check whether the weights of every layer stand still."""
