"""One member of every family of kinds, each in a file of its own, as a user would write it."""
