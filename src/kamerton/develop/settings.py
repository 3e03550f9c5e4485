"""What a recipe says about data, tuning and export. No heavy import lives here."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from kamerton.formats.recipe import Section


class DataSettings(Section):
    """Where the texts and questions come from, and how they are split."""

    catalogue: Path | None = None
    """YAML list of entries (id, name, about, facts); needs `phrasings`."""
    phrasings: Path | None = None
    """YAML file of question wordings for each kind of fact."""
    documents: Path | None = None
    """Folder of .txt and .md files: the texts that retrieval searches."""
    questions: Path | None = None
    """CSV or JSONL of questions with answers, where there is no catalogue."""
    safety: Path | None = None
    """JSONL of questions that must be declined, with an example of a good refusal."""
    question_column: str = "question"
    """Column of the question in `questions`."""
    answer_column: str = "answer"
    """Column of the answer in `questions`."""
    group_column: str = "group"
    """Column that says what a question is about; absent: every row is its own group."""
    system: str = ""
    """System prompt of every chat, in training and in serving."""
    form: Literal["questions", "paragraphs"] = "questions"
    """Training rows: question and answer, or paragraphs of text as in the original museum work."""
    known_groups: int = Field(24, ge=1)
    """Groups whose facts are trained; they are tested in new wordings."""
    unknown_groups: int = Field(12, ge=0)
    """Groups held out whole; only retrieval can know them."""
    attributes: list[str] = []
    """Kinds of fact to use; empty: all that the phrasings file names."""
    train_phrasings: int = Field(3, ge=1)
    """Wordings of each fact in training."""
    context_phrasings: int = Field(1, ge=0)
    """Of these, how many carry the passage that answers them, as retrieval will put it."""
    test_phrasings: int = Field(1, ge=1)
    """Held-out wordings of each fact."""
    refusals: int = Field(12, ge=0)
    """Training rows that decline, from the safety file's training part."""
    max_train_rows: int = Field(300, ge=1)
    """Above this the run stops: the time promised would not hold."""
    context_tokens: int = Field(120, ge=16)
    """Longest passage of the index, in tokens (counted as words and marks)."""


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
