"""The checks, each in a folder of its own: its config, and the rows that it makes of observables."""
