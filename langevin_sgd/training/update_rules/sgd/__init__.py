"""The `sgd` rule: heavy-ball descent, with Nesterov's momentum and dampening if asked for, and without momentum."""
