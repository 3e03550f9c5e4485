"""Texts and questions in; training rows, held-out questions, leak report and index out."""
