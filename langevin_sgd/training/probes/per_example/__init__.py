"""The `per_example` probe: which training samples are learnt early, by how many replicas."""
