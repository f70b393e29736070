"""The check of whether noise chooses flat minima."""
