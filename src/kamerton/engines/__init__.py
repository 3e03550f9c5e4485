"""What computes answers, each engine behind the same Protocol."""
