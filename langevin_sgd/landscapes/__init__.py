"""Energy landscapes."""
