"""What a recipe says about a corpus for pretraining. No heavy import lives here."""

from typing import Literal

from pydantic import Field

from kamerton.develop.settings.sources import PrivacySettings, RightsSettings
from kamerton.formats.recipe import Section

Repair = Literal[
    "encoding",
    "line_ends",
    "hidden",
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
