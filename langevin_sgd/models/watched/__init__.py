"""The `watched` model: training that a loop of the user's own made, and that was recorded."""
