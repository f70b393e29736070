"""The check of basins: how often each is occupied, and how walkers move between them."""
