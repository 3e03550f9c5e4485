"""Code tasks: their files, the code in a model's answer, and whether it passes."""
