"""What a recipe says about pretraining, tuning and export. No heavy import lives here."""

from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from kamerton.formats.recipe import Section


class TrainingSettings(Section):
    """What every kind of training needs to know."""

    renamed: ClassVar[dict[str, str]] = {"rows_at_once": "micro_batch_size"}

    epochs: float = Field(5, gt=0)
    """Passes over the training rows."""
    batch_size: int = Field(12, ge=1)
    """Rows for each optimiser step."""
    micro_batch_size: int | Literal["auto"] = "auto"
    """Rows of a batch that are in memory at the same time; `auto` starts with all of them, and
    halves them where memory runs out. Results do not depend on it but for rounding."""
    learning_rate: float = Field(1e-3, gt=0)
    """Peak learning rate; it warms up, then decays to zero along a cosine."""
    warmup: float = Field(0.05, ge=0, le=1)
    """Share of the steps that warm up."""
    weight_decay: float = Field(0.0, ge=0)
    """AdamW weight decay."""
    save_steps: int = Field(24, ge=1)
    """Optimiser steps between two checkpoints; a killed run goes on from the last."""

    @model_validator(mode="after")
    def _micro_batch_fits(self) -> "TrainingSettings":
        size = self.micro_batch_size
        if isinstance(size, int) and not 1 <= size <= self.batch_size:
            raise ValueError("micro_batch_size: between 1 and batch_size, or auto")
        return self


class TuneSettings(TrainingSettings):
    """How a base is adapted."""

    objective: Literal["sft", "dpo", "kto"] = "sft"
    """What is learnt: answers (sft), the better of two answers (dpo), good from bad (kto)."""
    method: Literal["lora", "qlora", "dora", "prompt", "full"] = "lora"
    """What is trained: low-rank updates of a frozen base (lora, of a quantised one: qlora, with
    the length of each update's columns apart: dora), embeddings put before every prompt (prompt),
    or all weights (full)."""
    rank: int = Field(16, ge=1)
    """Adapter rank r."""
    alpha: float = Field(32, gt=0)
    """Adapter scale alpha; the update is multiplied by alpha / r."""
    dropout: float = Field(0.0, ge=0, lt=1)
    """Dropout on the adapter's input."""
    target_modules: list[str] = ["all-linear"]
    """Layers that are adapted: `all-linear`, or names as `q_proj`."""
    bits: Literal[4, 8] = 4
    """Bits of the frozen base's weights, with qlora."""
    virtual_tokens: int = Field(16, ge=1)
    """Trained embeddings before the prompt, with prompt."""
    start_from: str = ""
    """An adapter folder, or a run, to continue from: its weights are the start of a new training.
    (A killed run needs nothing said: running it again resumes it.)"""
    neftune_alpha: float = Field(0.0, ge=0)
    """Noise on the input embeddings in training (NEFTune); 0: none, 5 is usual."""
    beta: float = Field(0.1, gt=0)
    """How strongly dpo and kto hold the model to its base."""
    max_length: int = Field(256, ge=16)
    """Tokens that a row may have."""
    on_overflow: Literal["stop", "cut", "drop"] = "stop"
    """What happens with rows longer than that: stop the run, cut their end, or drop them."""

    @property
    def pads(self) -> bool:
        """Whether rows of a batch are made equally long.

        A soft prompt stands before every row, and NEFTune's noise goes by a row's length.
        """
        return self.method == "prompt" or self.neftune_alpha > 0


class PretrainSettings(TrainingSettings):
    """A model trained from scratch on the corpus's packed rows."""

    architecture: dict[str, Any] = {
        "model_type": "llama",
        "hidden_size": 1024,
        "intermediate_size": 1536,
        "num_hidden_layers": 16,
        "num_attention_heads": 16,
        "num_key_value_heads": 8,
        "tie_word_embeddings": True,
    }
    """Any decoder-only architecture of transformers: `model_type`, and fields of its
    configuration. Vocabulary and context follow from the data."""
    epochs: float = Field(1, gt=0)
    """Passes over the corpus."""
    steps: int = Field(0, ge=0)
    """Optimiser steps; 0: as many as `epochs` makes."""
    batch_size: int = Field(64, ge=1)
    """Rows of one context length for each optimiser step."""
    learning_rate: float = Field(6e-4, gt=0)
    """Peak learning rate; it warms up, then decays to zero along a cosine."""
    weight_decay: float = Field(0.1, ge=0)
    """AdamW weight decay."""
    eval_steps: int = Field(100, ge=1)
    """Optimiser steps between two evaluations, at which the prompts are continued."""
    save_steps: int = Field(100, ge=1)
    """Optimiser steps between two checkpoints; a killed run goes on from the last."""
    prompts: str = ""
    """A text file with one prompt a line, continued at every evaluation."""
    continuation_tokens: int = Field(32, ge=1)
    """Tokens of each continuation."""
    ngram: int = Field(5, ge=0, le=6)
    """Order of the n-gram model that is set beside it; 0: none."""


class ExportSettings(Section):
    """What is written for the engine."""

    quantisation: Literal["f16", "q8_0", "q4_0", "q4_1", "q4_k_m"] = "q8_0"
    """Weights of the served base; the adapter is kept in float 16."""
    context: int = Field(512, ge=128)
    """Tokens of prompt and answer together in each slot."""
    merge: bool = False
    """Write merged/ too: one complete Hugging Face model, as in the original museum work."""
