"""What computes answers, each behind the same HTTP routes."""
