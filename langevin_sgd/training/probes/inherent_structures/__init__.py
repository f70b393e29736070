"""The `inherent_structures` probe: the minima that SGD wanders between."""
