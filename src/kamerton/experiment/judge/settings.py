"""What a recipe says about the judge. No heavy import lives here."""

from typing import Literal

from pydantic import Field

from kamerton.experiment.criteria import GUIDE, Judgeable
from kamerton.formats.recipe import Section

Form = Literal["json_schema", "json_object", "none"]


class JudgeSettings(Section):
    """Whom to ask about pairs of answers, how, and when its word counts."""

    base_url: str
    """Address of an OpenAI-compatible server, with its `/v1`."""
    model: str
    """Model id of the judge. One of another family than the judged models favours neither."""
    api_key_env: str = ""
    """Environment variable with the key; empty: none is sent."""
    trusted_hosts: list[str] = []
    """Hosts besides this machine that may see the questions and answers."""
    leaves_machine: bool = False
    """True: any host may see them; personal data is masked first."""
    criteria: list[Judgeable] = Field(list(GUIDE), min_length=1)
    """What is judged, each in requests of its own."""
    language: Literal["en", "ru"] = "en"
    """Language of the judge's instructions."""
    form: Form = "json_schema"
    """How its reply is held to a form; a server that refuses one is asked with the next weaker."""
    max_tokens: int = Field(400, ge=16)
    """Longest reply, in tokens."""
    seed: int = 0
    timeout: float = Field(120, gt=0)
    """Seconds for one try of a request."""
    retries: int = Field(3, ge=0)
    """Further tries after a busy server, a broken connection or a timeout."""
    give_up: int = Field(10, ge=1)
    """Requests in a row that fail with all their tries before no more are sent."""
    concurrency: int = Field(4, ge=1, le=64)
    """Requests at the same time."""
    most_unrated: float = Field(0.1, ge=0, le=1)
    """Share of the pairs without a rating above which there is no verdict."""
    most_flips: float = Field(0.25, ge=0, le=1)
    """Share of the rated pairs whose winner changes with the order above which there is none. A
    judge that guesses flips half of them."""
    alpha: float = Field(0.05, gt=0, lt=1)
    """Chance of a false claim over all criteria, with Holm's correction."""
    margin: float = Field(0.05, gt=0, lt=1)
    """Differences of won and lost shares below this do not matter."""
    resamples: int = Field(10_000, ge=100)
    """Sign flips and bootstrap resamples."""
    least_kappa: float = Field(0.4, ge=-1, le=1)
    """Lower end of kappa's interval against people from which the judge counts as calibrated."""
