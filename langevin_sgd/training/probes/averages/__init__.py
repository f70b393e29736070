"""The `averages` probe: gradient, Hessian and noise averaged over where SGD fluctuates, of which a law follows."""
