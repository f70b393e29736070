"""The kinds of model, each in a folder of its own: its config, its run, and what else it needs."""
