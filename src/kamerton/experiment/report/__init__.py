"""The report of a run: a page, a model card and a table for the terminal."""
