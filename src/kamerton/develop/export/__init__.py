"""A base and an adapter in, files for the serving engine out, with proof that they agree."""
