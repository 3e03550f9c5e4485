"""Repair before drop: every change of a text is an edit with offsets, counted and reversible."""
