"""The `reconstruction` probe: how much of its input each layer still holds."""
