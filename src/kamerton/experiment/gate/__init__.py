"""The regression gate: whether one run is no worse than another, by a declared rule."""
