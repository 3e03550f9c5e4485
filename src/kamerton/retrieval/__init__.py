"""Leaf: passages of an index for a query, by meaning, by shared words, or by both."""
