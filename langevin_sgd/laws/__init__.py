"""Laws: what theory says of a model's observables, from what was measured and what it was run with."""
