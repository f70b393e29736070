"""What a run looks like: in the terminal, as a page, as figures."""
