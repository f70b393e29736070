"""The `sharpness` probe: the Hessian of the training loss where SGD settled."""
