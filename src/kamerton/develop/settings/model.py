"""What a recipe says about tuning and export. No heavy import lives here."""

from typing import Literal

from pydantic import Field

from kamerton.formats.recipe import Section


class TuneSettings(Section):
    """How the adapter is trained."""

    method: Literal["lora"] = "lora"
    """Kind of adaptation."""
    rank: int = Field(16, ge=1)
    """Adapter rank r."""
    alpha: float = Field(32, gt=0)
    """Adapter scale alpha; the update is multiplied by alpha / r."""
    dropout: float = Field(0.0, ge=0, lt=1)
    """Dropout on the adapter's input."""
    target_modules: list[str] = ["all-linear"]
    """Layers that are adapted: `all-linear`, or names as `q_proj`."""
    epochs: float = Field(5, gt=0)
    """Passes over the training rows."""
    batch_size: int = Field(12, ge=1)
    """Rows for each optimiser step."""
    learning_rate: float = Field(1e-3, gt=0)
    """Peak learning rate; it warms up, then decays to zero along a cosine."""
    warmup: float = Field(0.05, ge=0, le=1)
    """Share of the steps that warm up."""
    weight_decay: float = Field(0.0, ge=0)
    """AdamW weight decay."""
    max_length: int = Field(256, ge=16)
    """Tokens that a row may have."""
    on_overflow: Literal["stop", "cut", "drop"] = "stop"
    """What happens with rows longer than that: stop the run, cut their end, or drop them."""
    save_steps: int = Field(24, ge=1)
    """Optimiser steps between two checkpoints; a killed run goes on from the last."""


class ExportSettings(Section):
    """What is written for the engine."""

    quantisation: Literal["f16", "q8_0", "q4_0", "q4_1"] = "q8_0"
    """Weights of the served base; the adapter is kept in float 16."""
    context: int = Field(512, ge=128)
    """Tokens of prompt and answer together in each slot."""
    merge: bool = False
    """Write merged/ too: one complete Hugging Face model, as in the original museum work."""
