"""Three-valued verdicts: equivalence tests, the rows that carry them, and the table."""
