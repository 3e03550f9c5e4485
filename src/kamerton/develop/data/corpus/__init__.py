"""Raw texts to a corpus for pretraining: read, repaired, filtered, deduplicated, accounted."""
