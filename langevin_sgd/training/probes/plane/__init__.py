"""The `plane` probe: the loss on the plane through three replicas, or the minima below them."""
