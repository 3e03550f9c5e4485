"""The report of a pretraining: its figures, and how the model learnt to speak."""
