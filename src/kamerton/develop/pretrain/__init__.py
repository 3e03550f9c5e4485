"""A corpus's packed rows in, a model trained from scratch out, with the proof of what it learnt."""
