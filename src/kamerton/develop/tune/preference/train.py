"""Learning which answers are better: DPO from pairs, KTO from good and bad answers.

The model that training starts from is the reference that holds it back. Rows are encoded as for
supervised tuning, so the three objectives teach the same chat in the same tokens.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict
from functools import partial
from itertools import islice
from typing import Any

from kamerton.develop.settings import TuneSettings
from kamerton.develop.training import checks
from kamerton.develop.training.attention import whole
from kamerton.develop.training.memory import run_with
from kamerton.develop.tune.encode import TRAIN, encode, end_of_turn
from kamerton.develop.tune.preference.figures import LogProbs, choices, compare, paired
from kamerton.develop.tune.preference.head import check_head, log_probs, scoring
from kamerton.develop.tune.preference.reference import Start, drift, kept, start_of
from kamerton.develop.tune.preference.rows import (
    SCORED,
    Answered,
    Judged,
    Part,
    Preferences,
    Row,
    Scored,
    chats,
    placed,
)
from kamerton.develop.tune.task import Task
from kamerton.formats.jsonl import write_rows
from kamerton.formats.language import say
from kamerton.formats.losses import CHOICES
from kamerton.formats.progress import note, progress

_CHECKED_ROWS, _CHECKED_ANSWERS = 64, 4


def train_preferences(task: Task, preferences: Preferences, model: Any) -> dict[str, object]:
    """Train `model` in place on the preferences; the figures for training.json.

    `model`: a PEFT model with its adapter, or a whole model; saving it is the caller's. Goes on
    from the newest whole checkpoint of the task: the same bytes as without the break. Writes the
    results of the self-tests into checks.json and, where there are held-out rows, choices.jsonl
    (ChoiceRow).
    """
    settings, tokenizer = task.settings, task.tokenizer
    # Answers are what supervised tuning learns of the same chats, end-of-turn token included.
    rows = islice(placed(task.data / TRAIN, settings), _CHECKED_ROWS)
    encoded = [encode(chat, tokenizer) for _, row in rows for chat in chats(row)]
    masks = checks.masks(encoded, tokenizer)
    train, held_out = preferences.train, preferences.held_out
    _show(train.rows, tokenizer)
    scored = SCORED[settings.objective](train.rows, settings, task.seed)
    # Each answer once, those held out too: people rate the same answers.
    asked = list(dict.fromkeys(a for row in (*train.rows, *held_out.rows) for a in row.answers))
    start = start_of(model)
    with _only_weights(model, tokenizer):
        before, history, after = _learn(model, task, scored, asked, start, masks)
    losses = [entry["loss"] for entry in history if "loss" in entry]
    stops = {end_of_turn(tokenizer)}
    moved = drift(model, start, [a.prompt for a in scored.first], stops, task.seed)
    answers = [answer for row in train.rows for answer in row.answers]
    return {
        "rows": len(train.rows),
        "overlong_rows": train.overlong,
        "dropped_rows": train.dropped,
        "tokens": sum(map(len, answers)),
        "supervised_tokens": sum(len(answer.answer) for answer in answers),
        **scored.weights,
        "steps": len(losses),
        "first_loss": losses[0],
        "last_loss": losses[-1],
        "loss": [round(loss, 4) for loss in losses],
        "train": compare(settings.objective, train.rows, before, after, settings.beta),
        "held_out": _held_out(task, held_out, before, after) if held_out.rows else None,
        "kl": asdict(moved),
    }


def _learn(
    model: Any,
    task: Task,
    scored: Scored,
    asked: Sequence[Answered],
    start: Start,
    masks: checks.Masks,
) -> tuple[LogProbs, list[dict[str, float]], LogProbs]:
    """Log-probabilities of the answers before, the Trainer's entries of all steps, and after."""
    from kamerton.develop.training.trainer import train
    from kamerton.develop.tune.preference.trainer import build, check_parts

    settings, folder = task.settings, task.checkpoints
    with scoring(model) as put_head_back:
        wanted = list(dict.fromkeys([*scored.answers, *asked]))
        compute = partial(_log_probs, model, wanted, settings, "develop.preference_reference")
        before = dict(zip(wanted, kept(folder, model, wanted, compute), strict=True))
        trainer = build(model, task, scored, before, start)
        put_head_back()
        head = check_head(model, scored.first[:_CHECKED_ANSWERS])
        checks.write(task.out, masks=masks, head=head, parts=check_parts(model, trainer))
        rows = len(scored.rows)
        total = math.ceil(rows * settings.epochs)
        history = train(trainer, say("develop.training"), total, rows, folder)
        after = _log_probs(model, asked, settings, "develop.preference_after")
    return before, history, dict(zip(asked, after, strict=True))


def _show(rows: Sequence[Row], tokenizer: Any, count: int = 3) -> None:
    """The first rows on stderr, the answer that is scored between ⟦ and ⟧."""
    for number, row in enumerate(rows[:count], start=1):
        kinds = ["better", "worse"]
        if isinstance(row, Judged):
            kinds = ["good" if row.good else "bad"]
        for kind, answer in zip(kinds, row.answers, strict=True):
            label = say(f"develop.preference_{kind}")
            note(say("develop.preference_example", number=number, kind=label))
            mask = (False,) * len(answer.prompt) + (True,) * len(answer.answer)
            encoded = checks.Encoded(row.id, answer.prompt + answer.answer, mask)
            text = checks.spans(encoded, tokenizer)
            note("  " + text.strip().replace("\n", "\n  "))


@contextmanager
def _only_weights(model: Any, tokenizer: Any) -> Iterator[None]:
    """Afterwards only weights have changed: trl writes pad token and tags into its model."""
    base = whole(model)
    tags, pad = base.model_tags, tokenizer.pad_token
    config, generation = dict(vars(base.config.get_text_config())), base.generation_config
    base.generation_config = deepcopy(generation)
    try:
        yield
    finally:
        base.model_tags, base.generation_config, tokenizer.pad_token = tags, generation, pad
        vars(base.config.get_text_config()).update(config)


def _log_probs(
    model: Any, answers: Sequence[Answered], settings: TuneSettings, label: str
) -> list[float]:
    def score(rows: int) -> list[float]:
        with progress(say(label), len(answers), say("develop.preference_answers")) as bar:
            return log_probs(model, answers, rows, bar.update)

    return run_with(settings.micro_batch_size, settings.batch_size, score)


def _held_out(task: Task, part: Part, before: LogProbs, after: LogProbs) -> dict[str, object]:
    """Figures of the held-out rows; writes choices.jsonl."""
    settings = task.settings
    figures = compare(settings.objective, part.rows, before, after, settings.beta)
    write_rows(task.out / CHOICES, choices(part.rows, before, after, settings.beta))
    dropped = {"overlong_rows": part.overlong, "dropped_rows": part.dropped}
    return figures | dropped | {"test": paired(part.rows, before, after)}
