"""Training in loops of the user's own: watched as it runs, several runs merged to one ensemble."""
