"""The `spectrum_of_error` probe: how far each frequency of a target is learnt."""
