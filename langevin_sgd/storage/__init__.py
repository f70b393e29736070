"""Arrays on disk that survive interruption: groups of a zarr store, checkpoints."""
