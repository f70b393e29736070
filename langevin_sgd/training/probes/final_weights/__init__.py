"""The `final_weights` probe: the weights themselves, where training ended."""
