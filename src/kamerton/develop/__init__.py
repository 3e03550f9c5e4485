"""Platform 1: texts to dataset to model."""

from logging import ERROR, getLogger

# transformers, peft and trl load bitsandbytes, which misses an optional kernel of the hub aloud.
getLogger("bitsandbytes.backends.cpu.ops").setLevel(ERROR)
