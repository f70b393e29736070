"""The `stationarity` probe: whether the weights of every layer have stopped to grow."""
