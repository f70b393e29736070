"""The `degrees_of_freedom` probe: how many directions the activations of a layer take, and what so many units tell."""
