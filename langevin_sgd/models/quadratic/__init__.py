"""What models with a quadratic energy are made of: the sections of H and of C, given or measured on another model."""
