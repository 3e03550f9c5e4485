"""Readers: whatever a recipe names as its source becomes documents or rows with their places."""
