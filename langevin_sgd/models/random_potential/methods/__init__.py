"""What follows walkers in random potentials: probability or flooding on a line, flooding on a grid, walkers in both.

Each is a function of the model, the numbers of the disorders and the seed; what it returns of a disorder does not
depend on the others.
"""
