"""Training rows and a base in, an adapter out."""
