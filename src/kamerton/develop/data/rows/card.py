"""The card of rows: what was read, what went and why, what is left; JSON, Markdown, HTML."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from kamerton.develop.data.card import Facts, render, write_card
from kamerton.develop.data.clean.filters import foreign_share
from kamerton.formats.language import say

_SAMPLES = 3
SETTING = {
    "too_short": "shortest",
    "too_long": "longest",
    "language": "language",
    "personal": "privacy.action",
    "near": "near",
    "semantic": "semantic",
    "leak": "on_leak",
}
"""The field of a recipe's `data` that each reason follows; what is written twice goes always."""


class Reason(BaseModel):
    """Rows that went for one reason."""

    model_config = ConfigDict(frozen=True)
    name: str
    rows: int
    samples: list[str]


class RowsCard(BaseModel):
    """All figures of a set of rows; `read` = dropped + train + held_out + neither."""

    model_config = ConfigDict(frozen=True)
    sources: list[str]
    datasets: list[str] = []
    """Those of the sources that are sets of the hub, by their ids."""
    licence: str
    accepted: str = ""
    """Why the sources may be used without a licence."""
    read: int
    train: int
    held_out: int
    neither: int
    """Training rows of a group that a source holds out."""
    groups: int
    held_out_groups: int
    dropped: list[Reason]
    personal: int
    """Pieces of personal data found in all rows."""
    leaks: dict[str, int]
    printed: dict[str, int]
    lengths: dict[str, int]
    languages: dict[str, int]
    """Answers by the alphabet of most of their letters: `ru`, `en`, `none`."""
    benchmarks: list[str]
    """Public benchmarks that the training rows were checked against."""
    dataset_sha256: str


def reasons(gone: Mapping[str, str], texts: Mapping[str, str]) -> list[Reason]:
    """Rows that went, by reason code, the commonest first, with a few of their answers."""
    by_code: dict[str, list[str]] = {}
    for name, why in gone.items():
        by_code.setdefault(why.split(":")[0], []).append(name)
    return [
        Reason(name=name, rows=len(ids), samples=[texts[i][:120] for i in sorted(ids)[:_SAMPLES]])
        for name, ids in sorted(by_code.items(), key=lambda item: (-len(item[1]), item[0]))
    ]


def why(card: RowsCard) -> str:
    """What became of the rows that are not for training, with the settings that decided it."""
    parts = [
        f"{_text(f'dropped_{of.name}')}: {of.rows}"
        + (f" (data.{SETTING[of.name]})" if of.name in SETTING else "")
        for of in card.dropped
    ]
    parts += [f"{_text('neither')}: {card.neither}"] if card.neither else []
    return "; ".join([*parts, f"{_text('held_out')}: {card.held_out} (data.held_out)"])


def languages(answers: Sequence[str]) -> dict[str, int]:
    """Answers by the alphabet that most of their letters are of."""
    counts: Counter[str] = Counter()
    for answer in answers:
        russian = foreign_share(answer, "ru") < foreign_share(answer, "en")
        counts[("ru" if russian else "en") if any(map(str.isalpha, answer)) else "none"] += 1
    return dict(counts.most_common())


def write(card: RowsCard, out: Path) -> None:
    """Write card.json, card.md and card.html, in the language in force."""
    text = render("kamerton.develop.data.rows", card=card, t=_text)
    alphabets = {name: count for name, count in card.languages.items() if name != "none"}
    spoken = [name for name, count in alphabets.items() if 20 * count >= card.train]
    facts = Facts(spoken, card.licence, card.train + card.held_out, card.datasets)
    write_card(card, facts, text, _text("title"), out)


def _text(key: str, /, **values: object) -> str:
    return say(f"develop.rows_card_{key}", **values)
