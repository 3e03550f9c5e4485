"""What a recipe says about data: a guide, a corpus, rows; rights and privacy. No heavy import."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from kamerton.develop.settings.synth import SynthSettings
from kamerton.documents.row_forms import FORMS
from kamerton.formats.recipe import Section
from kamerton.privacy import Personal


class RightsSettings(Section):
    """Which works may be used; what is unknown stops the run."""

    table: Path | None = None
    """YAML table of authors, works and licences, matched to the files by pattern."""
    licence: str = ""
    """Licence of the whole source, where one holds for all of it."""
    accept: str = ""
    """Why works of unknown rights may be used all the same; empty: they stop the run."""
    year: int = 2026
    """Year for which terms of protection are counted: part of the recipe, so that it repeats."""
    term: int = Field(70, ge=0)
    """Years of protection after an author's death, or after a later first printing."""
    protected: Literal["drop", "keep", "stop"] = "drop"
    """What happens with works still protected."""


class PrivacySettings(Section):
    """Personal data in texts: what is looked for, and what happens with it."""

    find: list[Personal] = ["email", "phone", "inn", "snils", "passport", "card"]
    """Kinds to look for; `name` needs the extra `kamerton[names]`."""
    action: Literal["mask", "drop", "keep"] = "mask"
    """`mask` writes <EMAIL> in its place, `drop` takes the paragraph away, `keep` only counts."""


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
    """Folder of texts that retrieval searches: .txt, .md, .html, .docx, .pdf, .xlsx."""
    questions: Path | None = None
    """Table of questions with answers (CSV, XLSX, JSONL), where there is no catalogue."""
    safety: Path | None = None
    """JSONL of questions that must be declined, with an example of a good refusal."""
    question_column: str = "question"
    """Column of the question in `questions`."""
    answer_column: str = "answer"
    """Column of the answer in `questions`."""
    group_column: str = "group"
    """Column that says what a question is about; absent: every row is its own group."""
    key_column: str = "key"
    """Column of what a right answer must contain; absent: taken from the answer."""
    split_column: str = "split"
    """Column that says train or test; absent: the last wordings of each fact are held out."""
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


Repair = Literal[
    "encoding",
    "line_ends",
    "hidden",
    "composed",
    "box_letter",
    "hash_hyphen",
    "look_alikes",
    "pre_reform",
    "page_marks",
    "unwrap",
    "spaces",
    "repeated",
    "dashes",
    "quotes",
]
ALL_REPAIRS: list[Repair] = list(Repair.__args__)  # type: ignore[attr-defined]


class DropSettings(Section):
    """Where each filter draws its line."""

    foreign: float = Field(0.2, ge=0, le=1)
    """Most letters of another alphabet in a sentence, as a share; Roman numerals do not count."""
    letters: float = Field(0.5, ge=0, le=1)
    """Fewest letters among the visible characters of a paragraph of fifteen or more."""
    repetition: float = Field(0.3, ge=0, le=1)
    """Most words of a paragraph that repeat the word before them, as a share."""
    shortest: int = Field(2, ge=0)
    """Fewest letters of a paragraph."""


class DuplicateSettings(Section):
    """What counts as written twice."""

    near: float = Field(0.5, gt=0, le=1)
    """Jaccard similarity of paragraphs (runs of three words) from which one of two goes."""
    words: int = Field(8, ge=1)
    """Paragraphs with fewer words are never duplicates: "- Yes, he said." comes again rightly."""
    contained: float = Field(0.3, gt=0, le=1)
    """Share of a text's runs of eight words in others from which it is told as contained."""
    whole: float = Field(0.8, gt=0, le=1)
    """The same share from which the whole text goes, not only its paragraphs that stand twice."""


class CorpusSettings(Section):
    """Texts to clean, to rid of duplicates, and to cut into pieces of one context length."""

    kind: Literal["corpus"]
    """Which of the three kinds of data this is."""
    source: str
    """A folder, a file, a URL, or `git+https://host/owner/name@commit#folder`."""
    stand_in: str = ""
    """Folder below KAMERTON_TEST_DATA, read in place of a remote source where that is set."""
    include: list[str] = ["*"]
    """Patterns of the files to read."""
    exclude: list[str] = []
    """Patterns of the files to leave out."""
    language: Literal["ru", "en"] = "ru"
    """The language of the corpus."""
    repair: list[Repair] = ALL_REPAIRS
    """Rules that mend; their order is fixed."""
    drop: DropSettings = DropSettings()
    """Filters that take away."""
    duplicates: DuplicateSettings = DuplicateSettings()
    """Texts and paragraphs that stand there twice."""
    rights: RightsSettings = RightsSettings()
    """Whose works these are."""
    privacy: PrivacySettings = PrivacySettings(find=[])
    """Personal data in the texts."""
    held_out: float = Field(0.02, ge=0, lt=1)
    """Share of the characters held out, in whole works."""
    vocabulary: int = Field(3000, ge=1)
    """Tokens of the tokenizer that is trained on the corpus; its marks and all bytes are 261."""
    tokenizer: Literal["byte_level", "metaspace"] = "byte_level"
    """What its tokens are merged of: bytes, or characters (rare ones are spelt with bytes)."""
    context: int = Field(512, ge=16)
    """Tokens of one piece, its marks of beginning and end among them."""
    workers: int = Field(0, ge=0)
    """Processes that clean side by side; 0: one for each core. No result depends on it."""


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
