"""Whether a model has seen what it will be tested on: levels, sides, and what blocks."""
