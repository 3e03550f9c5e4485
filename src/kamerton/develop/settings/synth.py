"""What a recipe says about examples that a teacher writes. No heavy import lives here."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from kamerton.formats.recipe import Section


def _in_order(span: tuple[int, int]) -> tuple[int, int]:
    if not 0 < span[0] <= span[1]:
        raise ValueError("two numbers of characters, the fewest (from 1) and then the most")
    return span


Span = Annotated[tuple[int, int], AfterValidator(_in_order)]
"""Fewest and most characters of a text, spaces among them."""


class LengthSettings(Section):
    """How long a text of each channel is, in characters with spaces: fewest, most."""

    site: Span = (400, 1800)
    """A page or a news item of a site."""
    email: Span = (300, 1500)
    """A letter."""
    social: Span = (150, 900)
    """A post in a social network."""
    billboard: Span = (15, 140)
    """A poster that is read in three seconds."""


class SynthSettings(Section):
    """A teacher, any server that speaks the OpenAI protocol, writes examples from briefs."""

    base_url: str = "http://127.0.0.1:8000/v1"
    """Address of the teacher up to `/chat/completions`; the local server by default."""
    model: str = Field(min_length=1)
    """The teacher's model, as its server calls it."""
    api_key_env: str = Field("", pattern=r"^([A-Z][A-Z0-9_]*)?$")
    """Environment variable that holds the teacher's key (never the key itself); empty: no key."""
    trusted_hosts: list[str] = []
    """Hosts outside this machine that briefs may be sent to: names without scheme and port."""
    leaves_machine: bool = False
    """Whether briefs may be sent to any host at all."""
    temperature: float = Field(0.8, ge=0, le=2)
    """Sampling temperature of the teacher."""
    max_tokens: int = Field(700, ge=1)
    """Tokens of one text; a text that is cut there is rejected."""
    concurrency: int = Field(4, ge=1, le=64)
    """Requests in flight at once."""
    retries: int = Field(5, ge=0, le=20)
    """Further tries of a request that failed, with growing pauses."""
    budget_tokens: int | None = Field(1_000_000, ge=1)
    """Tokens of prompts and texts after which nothing more is asked (what is in flight is still
    paid for); null: no limit."""
    budget_cost: float | None = Field(None, gt=0)
    """The same for the cost, in the currency of the prices; null: no limit."""
    price_prompt: float = Field(0.0, ge=0)
    """Price of a million tokens of prompts."""
    price_completion: float = Field(0.0, ge=0)
    """Price of a million tokens of texts."""
    products: Path
    """YAML file of products, tasks, channels and tones that briefs are drawn from."""
    shots: Path | None = None
    """YAML file of good texts with their briefs, shown to the teacher before each request."""
    recorded: Path | None = None
    """Ledger of an earlier run: what it holds is not asked again, and counts for the budget."""
    examples: int = Field(200, ge=1)
    """Briefs for training; the filters let fewer texts through."""
    test_examples: int = Field(40, ge=0)
    """Briefs for the test, all of products that training does not have."""
    test_products: int = Field(6, ge=1)
    """Products held out for the test: n of them cannot give a p below 2 ** (1 - n), so fewer than
    six prove nothing."""
    with_beginning: float = Field(0.5, ge=0, le=1)
    """Share of the briefs that give the beginning of the text."""
    language: Literal["ru", "en"] = "ru"
    """Language of the templates and of the texts."""
    semantic: float = Field(0.9, gt=0, le=1)
    """Cosine of two texts from which the later one goes."""
    near: float = Field(0.5, gt=0, le=1)
    """Jaccard similarity of two texts (runs of three words) from which the later one goes."""
    lengths: LengthSettings = LengthSettings()
    """Limits of the length in each channel."""
