"""People compare two answers without knowing whose they are: sheets out, ratings back, verdict."""
