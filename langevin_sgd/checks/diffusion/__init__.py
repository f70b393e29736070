"""The check of the growth of the squared displacement."""
