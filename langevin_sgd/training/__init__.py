"""Real training: networks as ensembles of replicas, and what is measured on them."""
