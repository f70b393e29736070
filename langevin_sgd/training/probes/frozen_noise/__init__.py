"""The `frozen_noise` probe: the linear process with the noise of the minimum, on the training's own minibatches."""
