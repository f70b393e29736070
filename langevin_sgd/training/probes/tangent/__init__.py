"""The `tangent` probe: linear response to minibatch noise about the noise-free path."""
