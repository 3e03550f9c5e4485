"""A made-up pretraining: a loss that falls, and a model that learns to speak step by step."""

import json
import math
import random
from pathlib import Path
from typing import Any

from kamerton.formats.jsonl import write_rows, write_text
from kamerton.formats.pretraining import (
    CONTINUATIONS,
    PRETRAINING,
    Continuation,
    Evaluation,
    Pretraining,
)

PROMPTS = [
    "Все мысли, которые имеют огромные последствия",
    "Сила войска зависит от его духа",
    "Мысль о том, что он принес страдания",
    "Человек сознает себя свободным",
    "Что бы ни случилось, я всегда буду",
    "Любовь мешает смерти",
    "Нет, жизнь не кончена",
    "Всякая мысль, даже самая простая",
    "Война не любезность, а самое гадкое дело",
    "Чтобы жить честно",
]
STAGES = [
    " ннннее оооаи тт ее  оо н",
    " и по не на что и по не на что и по не на",
    " и не было в том, что он был в том, что он был",
    ", и что он не мог сказать ничего, кроме того, что было ему известно",
    ", и потому он, не отвечая, встал и вышел в сад, где уже темнело.",
]
RECIPE: dict[str, Any] = {
    "name": "novels",
    "data": {"kind": "corpus", "language": "ru", "vocabulary": 3000, "context": 512},
    "pretrain": {"epochs": 1, "batch_size": 64, "learning_rate": 6e-4},
}
_SPLIT = {"texts": 98, "characters": 71_000_000, "tokens": 20_800_000}
TOKENIZER: dict[str, Any] = {
    "kind": "byte_level",
    "wanted": 3000,
    "vocabulary": 3000,
    "used": 2994,
    "used_share": 0.998,
    "unknown": 0,
    "longest": ["обстоятельства", "удовольствием", "необыкновенно"],
    "splits": {
        "train": _SPLIT | {"characters_per_token": 3.412},
        "held_out": _SPLIT | {"characters_per_token": 3.371},
    },
    "round_trip": 99,
    "texts": 100,
    "differences": [{"id": "Bereg.txt", "offset": 812, "text": "a\u00a0b", "decoded": "a b"}],
}


def pretraining(steps: int = 1400, ngram: float | None = 1.12, rise: bool = False) -> Pretraining:
    """Figures of a run with an evaluation every 100 steps; `rise`: the end is worse again."""
    chance = random.Random(3)
    ends = range(0, steps + 1, 100)
    held_out = [2.2 + 5.8 * math.exp(-step / 260) for step in ends]
    if rise:
        held_out[-3:] = [held_out[-4] + 0.1 * i for i in (1, 2, 3)]
    evaluations = [
        Evaluation(step=step, loss=loss, nats_per_character=loss / 2.6)
        for step, loss in zip(ends, held_out, strict=True)
    ]
    loss = [
        (step, 2.1 + 5.9 * math.exp(-step / 250) + chance.gauss(0, 0.05))
        for step in range(1, steps + 1, 2)
    ]
    last = evaluations[-1].nats_per_character
    return Pretraining(
        parameters=129_378_304,
        architecture={"model_type": "llama", "hidden_size": 1024, "num_hidden_layers": 16},
        train_tokens=21_804_331,
        seen_tokens=21_804_331 * 2,
        steps=steps,
        seconds=5321.0,
        loss=loss,
        evaluations=evaluations,
        ngram_order=5 if ngram is not None else 0,
        ngram_nats_per_character=ngram,
        ratio_to_ngram=math.exp(last - ngram) if ngram is not None else None,
    )


def continuations(figures: Pretraining) -> list[Continuation]:
    """All prompts at all evaluations."""
    last = max((e.step for e in figures.evaluations), default=0) or 1
    return [
        Continuation(step=e.step, prompt=prompt, text=STAGES[min(4, 5 * e.step // last)])
        for e in figures.evaluations
        for prompt in PROMPTS
    ]


def write(folder: Path, figures: Pretraining, tokenizer: bool = True) -> dict[str, str]:
    """The folders of a finished trip, by stage."""
    made, data = folder / "pretrain", folder / "data"
    write_text(made / PRETRAINING, figures.model_dump_json())
    write_rows(made / CONTINUATIONS, continuations(figures))
    data.mkdir(parents=True, exist_ok=True)
    if tokenizer:
        write_text(data / "tokenizer" / "report.json", json.dumps(TOKENIZER, ensure_ascii=False))
    return {"data": str(data), "pretrain": str(made)}
