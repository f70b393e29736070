"""The `segments` probe: the loss along straight lines between replicas."""
