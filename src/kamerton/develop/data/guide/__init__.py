"""A guide to a catalogue: facts become questions, known and unknown ones, and passages to find."""
