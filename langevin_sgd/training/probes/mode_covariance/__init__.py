"""The `mode_covariance` probe: how the fluctuations along different modes go together."""
