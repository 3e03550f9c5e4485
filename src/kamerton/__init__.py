"""Kamerton: adapt an open language model, prove that it helped, serve it, keep improving it."""

__version__ = "0.1.0"
