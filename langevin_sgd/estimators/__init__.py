"""Estimators that serve models and real training alike: growth laws, local exponents, structure functions."""
