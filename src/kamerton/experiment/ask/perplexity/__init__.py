"""Perplexity: how well a model foresees given texts."""
