"""The `critical_samples` probe: how many samples have another answer close by."""
