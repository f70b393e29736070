"""The `interpolation` model: walkers on the line through two trained minima."""
