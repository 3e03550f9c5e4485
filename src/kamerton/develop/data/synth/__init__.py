"""Briefs in; texts that a teacher wrote from them, filtered, as training and test rows out."""
