"""The check of stationary fluctuations against the Ornstein-Uhlenbeck laws."""
