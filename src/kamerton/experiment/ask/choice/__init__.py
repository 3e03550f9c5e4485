"""Multiple choice: which of the given answers a model finds likeliest."""
