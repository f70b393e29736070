"""How loss, energy and accuracy are evaluated along training: in what arithmetic, on which samples, how often."""
