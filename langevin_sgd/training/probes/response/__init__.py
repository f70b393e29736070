"""The `response` probe: how weights give way to a field, beside how they wander on their own."""
