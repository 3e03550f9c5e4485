"""Asking a model the questions of a task, each once, and what it answered as figures and a page."""
