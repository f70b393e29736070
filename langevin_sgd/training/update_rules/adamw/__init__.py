"""The `adamw` rule: adam with a weight decay that its preconditioner does not reach."""
