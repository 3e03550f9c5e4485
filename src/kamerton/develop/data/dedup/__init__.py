"""Duplicates at four levels: exact, near, contained, semantic; for each what was kept, and why."""
