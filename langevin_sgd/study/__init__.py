"""A study: its config, how it is loaded, run, stored and judged."""
