"""A made-up rows recipe: Russian rows in groups, losses, and a server's answers to them."""

import json
import math
import random
from pathlib import Path
from typing import Any

from kamerton.formats.chat import ChatRow, Message
from kamerton.formats.feedback import same_prompt
from kamerton.formats.jsonl import write_rows
from kamerton.formats.losses import CHOICES, ChoiceRow, LossRow
from kamerton.formats.manifest import Manifest

PROMPTS = [
    "Сколько планет в нашей солнечной системе?",
    "Расскажи стих",
    "Когда собирать крыжовник?",
    "Как быстро выучить новый язык?",
]
THINGS = ["чайник", "велосипед", "сад", "печь", "лодка", "часы", "мост", "рояль", "улей", "компас"]
ASKED = ["Что такое {}?", "Как ухаживать за вещью: {}?", "Зачем нужен предмет «{}»?"]


def rows(groups: int = 10) -> list[ChatRow]:
    """Three rows about each thing, with a system turn in every third."""
    chats = []
    for group, thing in enumerate(THINGS[:groups]):
        for number, text in enumerate(ASKED):
            turns = [Message(role="system", content="Отвечай кратко.")] if number == 2 else []
            turns.append(Message(role="user", content=text.format(thing)))
            said = f"Это полезная вещь: {thing}. Её берегут."
            turns.append(Message(role="assistant", content=said))
            chats.append(ChatRow(id=f"r{group}.{number}", messages=turns, group=thing))
    return chats


def losses(
    chats: list[ChatRow], gain: float = 0.4, spread: float = 0.15, seed: int = 1
) -> list[LossRow]:
    """Losses before and after; the gain varies by group and by row."""
    chance = random.Random(seed)
    by_group = {row.group: chance.gauss(gain, spread) for row in chats}
    lost = []
    for row in chats:
        before = chance.uniform(1.6, 3.2)
        after = max(0.05, before - by_group[row.group] - chance.gauss(0, spread))
        lost.append(
            LossRow(id=row.id, group=row.group, tokens=len(row.answer), before=before, after=after)
        )
    return lost


def choices(
    chats: list[ChatRow], gain: float = 0.3, spread: float = 0.15, pairs: bool = True, seed: int = 1
) -> list[ChoiceRow]:
    """Choices on the questions of rows, all from a coin; of a few pairs the order becomes right."""
    chance = random.Random(seed)
    chosen = []
    for number, row in enumerate(chats):
        right: dict[str, float] = {"right_before": number % 2, "right_after": float(gain > 0)}
        after = max(0.01, math.log(2) - chance.gauss(gain, spread))
        chosen.append(
            ChoiceRow(
                id=row.id,
                question=same_prompt(row.messages[-2].content),
                group=f"u{number % 4}",
                before=math.log(2),
                after=after,
                **(right if pairs else {}),
            )
        )
    return chosen


def rated(folder: Path, chosen: list[ChoiceRow]) -> None:
    """The tune folder of a trip that learnt from ratings."""
    (folder / "losses.jsonl").unlink(missing_ok=True)
    write_rows(folder / CHOICES, chosen)
    figures = {"objective": "dpo", "rows": 200, "kl": {"per_answer": 1.25, "per_token": 0.1}}
    (folder / "training.json").write_text(json.dumps(figures))


def write(folder: Path, chats: list[ChatRow], lost: list[LossRow]) -> tuple[Path, Path]:
    """The data and tune folders of a finished trip."""
    data, tune = folder / "data", folder / "tune"
    write_rows(data / "held_out.jsonl", chats)
    (data / "leaks.json").write_text('{"blocking": [], "printed": [], "checked": {}}')
    tune.mkdir(parents=True, exist_ok=True)
    if lost:
        write_rows(tune / "losses.jsonl", lost)
    figures = {"method": "lora", "objective": "sft", "rows": 400, "last_loss": 1.31}
    (tune / "training.json").write_text(json.dumps(figures))
    return data, tune


def base_says(text: str) -> tuple[str, str]:
    """A jumble of languages that goes on for ever, as a base model answers."""
    kinds = [
        (f"The answer is 答案 {text} 是的 the the the", "length"),
        (f"{text} assistant\nuser\nЧто?", "length"),
        (f"{text}\n### Response:\nYes, it is {text}", "length"),
        ("Это хорошая вещь.", "stop"),
    ]
    return kinds[len(text) % len(kinds)]


def tuned_says(text: str) -> tuple[str, str]:
    """A short Russian sentence, now and then cut."""
    return (
        f"Это {text.lower().rstrip('?')}, и это полезно.",
        "length" if len(text) == 28 else "stop",
    )


def manifests(*names: str) -> dict[str, Manifest]:
    """Finished stages with times and hashes."""
    seconds = {"check": 2.0, "data": 6.5, "pretrain": 5400.0, "tune": 491.0, "export": 22.0}
    finished: dict[str, Manifest] = {}
    for number, stage in enumerate(names):
        finished[stage] = Manifest(
            stage=stage,
            hash=f"{number + 10:012x}",
            parents={names[number - 1]: f"{number + 9:012x}"} if number else {},
            sources={"rows.ru.jsonl": "ab" * 32} if stage == "data" else {},
            outputs={"a": "1"},
            seconds=seconds.get(stage, 98.0),
            versions={"torch": "2.13.0"},
        )
    return finished


RECIPE: dict[str, Any] = {
    "name": "ru",
    "base": "Qwen/Qwen2.5-0.5B",
    "data": {"kind": "rows", "language": "ru"},
    "tune": {"method": "lora", "objective": "sft", "rank": 16},
    "experiment": {"prompts": PROMPTS, "resamples": 500},
}
