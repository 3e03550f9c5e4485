"""What a recipe says about questions and passages. No heavy import lives here."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from kamerton.formats.recipe import Section


class EmbeddingsSettings(Section):
    """A server that makes the index's vectors, and later those of the questions."""

    base_url: str
    """Address of a server that speaks the OpenAI protocol, up to `/embeddings`."""
    model: str = Field(min_length=1)
    """The encoder, as its server calls it."""
    api_key_env: str = Field("", pattern=r"^([A-Z][A-Z0-9_]*)?$")
    """Environment variable that holds the key (never the key itself); empty: no key."""
    trusted_hosts: list[str] = []
    """Hosts outside this machine that texts may be sent to: names without scheme and port."""
    leaves_machine: bool = False
    """Whether texts may be sent to any host at all."""


class GuideSettings(Section):
    """A guide to a catalogue: facts become questions, known and unknown ones, and passages."""

    kind: Literal["guide"] = "guide"
    """Which of the three kinds of data this is."""
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
    embeddings: EmbeddingsSettings | None = None
    """Server that makes the vectors; null: the encoder of this installation, offline."""
