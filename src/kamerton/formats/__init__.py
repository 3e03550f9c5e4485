"""The shared kernel: what lies on disk and on the wire. It imports pydantic and yaml only."""
