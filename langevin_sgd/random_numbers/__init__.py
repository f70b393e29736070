"""Counter-based random numbers (Philox4x32-10): the same bits on every backend."""
