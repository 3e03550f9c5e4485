"""What a recipe says about ready rows for supervised tuning. No heavy import lives here."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from kamerton.develop.settings.sources import PrivacySettings, RightsSettings
from kamerton.develop.settings.synth import SynthSettings
from kamerton.documents.row_forms import FORMS
from kamerton.formats.recipe import Section


class RowSource(Section):
    """One set of rows: named, a file, a folder, or a URL."""

    name: str
    """A set known by name (`openai/gsm8k`), a file, a folder or a URL of rows in any known form."""
    form: str | None = None
    """Form of the rows, such as `messages` or `alpaca`; empty: told by their columns."""
    part: Literal["train", "validation", "test"] = "train"
    """Which of its parts; `test` and `validation` rows are held out."""
    copy_at: Path | None = None
    """Local copy of a named set: the same columns as parquet, JSONL or JSON."""
    stand_in: str = ""
    """Folder below KAMERTON_TEST_DATA, read in place of a set on the hub where that is set."""
    count: int | None = Field(None, ge=1)
    """Rows to take, drawn by their content; empty: all of them."""
    group: str | None = None
    """Column that says what belongs together; empty: the column `group` where rows have one, else
    every row is its own group."""
    revision: str | None = None
    """Commit of a set on the hub, so that the same rows come again."""

    @field_validator("form")
    @classmethod
    def _known(cls, form: str | None) -> str | None:
        if form is not None and form not in FORMS:
            raise ValueError(f"{form} is no known form; known are: {', '.join(FORMS)}")
        return form


class RowsSettings(Section):
    """Rows for supervised tuning: read in any form, or written by a teacher, then filtered."""

    kind: Literal["rows"]
    """Which of the kinds of data this is."""
    sources: list[RowSource] = []
    """Where rows are read."""
    synth: SynthSettings | None = None
    """Rows that a teacher writes."""
    language: Literal["ru", "en", "any"] = "any"
    """Language that answers must be in."""
    system: str = ""
    """System prompt put before rows that have none, in training and in serving."""
    input_as: Literal["user", "system"] = "user"
    """Where the `input` of Alpaca rows and the `context` of Dolly rows go."""
    shortest: int = Field(1, ge=1)
    """Fewest characters of an answer."""
    longest: int = Field(20_000, ge=1)
    """Most characters of an answer."""
    near: float = Field(0.5, gt=0, le=1)
    """Jaccard similarity (runs of three words) from which the later of two rows goes."""
    semantic: Literal["auto", "off"] | float = "off"
    """Cosine of two prompts from which the later row goes; `auto` chooses it from the data."""
    held_out: float = Field(0.1, ge=0, lt=1)
    """Share of the groups held out, where no source is a test part."""
    tests: Literal["group", "phrasing"] = "group"
    """What the held-out rows test: new groups, or new wordings of what was trained."""
    on_leak: Literal["stop", "drop"] = "stop"
    """What a test that stands in the training rows does: stop the run, or drop these rows."""
    few_shot: list[Path] = []
    """Files of examples that stand before prompts in tests: held-out rows may not be among them."""
    benchmarks: Path | None = None
    """A folder with public benchmarks (`humaneval`, `gsm8k`, `mbpp`, each a folder in it), whose
    test rows may not stand in the training rows; empty: not looked at, and the card says so."""
    rights: RightsSettings = RightsSettings()
    """Licence of the sources."""
    privacy: PrivacySettings = PrivacySettings()
    """Personal data in the rows."""

    @model_validator(mode="after")
    def _something(self) -> "RowsSettings":
        if not self.sources and self.synth is None:
            raise ValueError("rows need `sources`, `synth`, or both")
        return self
