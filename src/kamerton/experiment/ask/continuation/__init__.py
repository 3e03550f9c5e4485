"""Continuation: what a model writes behind given beginnings, to be read."""
