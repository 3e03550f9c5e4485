"""The web pages; they know URLs and run folders only."""
