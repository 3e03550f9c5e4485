"""What the arms of a rows recipe are asked: the recipe's prompts, and those of held-out rows."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kamerton.experiment.settings import ExperimentSettings
from kamerton.formats.chat import ChatRow, Message
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import check_row, insist_unique, read_objects
from kamerton.formats.preference import KtoRow, PreferenceRow
from kamerton.formats.questions import Question

HELD_OUT = "held_out.jsonl"


@dataclass(frozen=True)
class Prompt:
    """One thing to ask, with the turns that come before it."""

    question: Question
    """Its last user turn, with the reference answer where one is known."""
    turns: tuple[Message, ...]
    """All turns to send, the user's last."""


def prompts(settings: ExperimentSettings, data: Path, seed: int) -> list[Prompt]:
    """The recipe's prompts, then the drawn ones of held-out rows."""
    written = []
    for number, text in enumerate(settings.prompts, start=1):
        name = f"experiment.prompts.{number}"
        if not text.strip():
            raise InputError("experiment.empty_prompt", where=name)
        question = Question(id=name, question=text, answer="", group=name, held_out="prompts")
        written.append(Prompt(question, (Message(role="user", content=text),)))
    return written + drawn(held_out(data), settings.held_out_prompts, seed)


def held_out(data: Path) -> list[Prompt]:
    """Every prompt of `data`/held_out.jsonl once; none where there is no such file.

    Of equal prompts (KTO has several answers to one) the one with a reference is kept. InputError
    names the line of a row that asks nothing.
    """
    path = data / HELD_OUT
    if not path.is_file() or not path.stat().st_size:
        return []
    by_turns: dict[tuple[Message, ...], Prompt] = {}
    for number, row in read_objects(path):
        prompt = _prompt(row, f"{path}:{number}")
        before = by_turns.get(prompt.turns)
        if before is None or (prompt.question.answer and not before.question.answer):
            by_turns[prompt.turns] = prompt
    insist_unique((prompt.question.id for prompt in by_turns.values()), str(path))
    return list(by_turns.values())


def drawn(candidates: Sequence[Prompt], count: int, seed: int) -> list[Prompt]:
    """At most `count` prompts, by the seed; a second one of a group only after one of each.

    The group is the unit of every test: twenty groups say more than one group twenty times.
    """
    ordered = sorted(candidates, key=lambda prompt: prompt.question.id)
    random.Random(seed).shuffle(ordered)
    seen: Counter[str] = Counter()
    ranked = []
    for prompt in ordered:
        ranked.append((seen[prompt.question.group], prompt))
        seen[prompt.question.group] += 1
    return [prompt for _, prompt in sorted(ranked, key=lambda pair: pair[0])][:count]


def _prompt(row: dict[str, object], where: str) -> Prompt:
    """A held-out row of one of the three forms as a prompt."""
    checked: PreferenceRow | KtoRow | ChatRow
    if "chosen" in row:
        checked = check_row(row, PreferenceRow, where)
        turns, reference = checked.prompt, checked.chosen
    elif "completion" in row:
        checked = check_row(row, KtoRow, where)
        turns, reference = checked.prompt, checked.completion if checked.label else ""
    else:
        checked = check_row(row, ChatRow, where)
        ends = [i for i, turn in enumerate(checked.messages) if turn.role == "assistant"]
        turns, reference = (checked.messages[: ends[-1]], checked.answer) if ends else ([], "")
    if not turns or turns[-1].role != "user":
        raise InputError("experiment.row_asks_nothing", where=where)
    question = Question(
        id=checked.id,
        question=turns[-1].content,
        answer=reference,
        group=checked.group or checked.id,
        held_out="rows",
    )
    return Prompt(question, tuple(turns))
