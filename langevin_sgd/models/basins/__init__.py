"""The `basins` model: a landscape of several basins, and what the laws of hopping say of it."""
