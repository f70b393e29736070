"""The `random_potential` model: walkers on a rough landscape, over disorders."""
