"""Closed-form laws: what SGD near a minimum does, in the eigenbasis of the Hessian."""
