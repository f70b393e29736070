"""The `langevin` model: a landscape given by a formula."""
