"""Platform 2: base against tuned, proved."""
