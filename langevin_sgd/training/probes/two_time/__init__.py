"""The `two_time` probe: how far weights move between two times."""
