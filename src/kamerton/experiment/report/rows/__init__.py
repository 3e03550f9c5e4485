"""The report of a comparison of rows: held-out loss, and the form of answers."""
