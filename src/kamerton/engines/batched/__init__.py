"""Many answers of one float32 model at a time, on a CPU: shared prefixes, forks, refilled slots."""
