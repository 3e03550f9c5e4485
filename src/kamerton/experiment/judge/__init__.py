"""A judge model says which of two answers is better, and how far it may be believed."""
