"""Platform 1: texts to dataset to model."""
