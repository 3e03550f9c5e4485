"""Learning which answers are better: DPO from pairs, KTO from good and bad answers.

The model that training starts from is the reference that holds it back. Rows are encoded as for
supervised tuning, so the three objectives teach the same chat in the same tokens.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
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
    Preferences,
    Row,
    Scored,
    chats,
    placed,
    prepare_preferences,
)
from kamerton.formats.jsonl import write_rows
from kamerton.formats.language import say
from kamerton.formats.losses import CHOICES
from kamerton.formats.progress import note, progress

CHECKPOINTS = "checkpoints"
_CHECKED_ROWS, _CHECKED_ANSWERS = 64, 4


def train_preferences(
    settings: TuneSettings, model: Any, tokenizer: Any, data: Path, out: Path, seed: int
) -> dict[str, object]:
    """Train `model` in place on `data`/train.jsonl; the figures for training.json.

    `model`: a PEFT model with its adapter, or a whole model; saving it is the caller's. Goes on
    from the newest whole checkpoint in `out`/checkpoints: the same bytes as without the break.
    Writes the results of the self-tests into `out`/checks.json and, where there are held-out rows,
    `out`/choices.jsonl (ChoiceRow). Raises InputError for rows and settings that cannot be used,
    before the weights are touched.
    """
    preferences = prepare_preferences(settings, tokenizer, data)
    # Answers are what supervised tuning learns of the same chats, end-of-turn token included.
    rows = islice(placed(data / TRAIN, settings), _CHECKED_ROWS)
    encoded = [encode(chat, tokenizer) for _, row in rows for chat in chats(row)]
    masks = checks.masks(encoded, tokenizer)
    _show(preferences.train.rows, tokenizer)
    scored = SCORED[settings.objective](preferences.train.rows, settings, seed)
    task = _Task(settings, tokenizer, scored, preferences, out, seed)
    start = start_of(model)
    with _only_weights(model, tokenizer):
        before, history, after = _learn(model, task, start, masks)
    losses = [entry["loss"] for entry in history if "loss" in entry]
    moved = drift(model, start, [a.prompt for a in scored.first], {end_of_turn(tokenizer)}, seed)
    return {
        **_counts(preferences, scored),
        "steps": len(losses),
        "first_loss": losses[0],
        "last_loss": losses[-1],
        "loss": [round(loss, 4) for loss in losses],
        "train": compare(settings.objective, preferences.train.rows, before, after, settings.beta),
        "held_out": _held_out(task, before, after),
        "kl": asdict(moved),
    }


@dataclass(frozen=True)
class _Task:
    """One training, all of it known before the weights are touched."""

    settings: TuneSettings
    tokenizer: Any
    scored: Scored
    preferences: Preferences
    out: Path
    seed: int

    @property
    def checkpoints(self) -> Path:
        return self.out / CHECKPOINTS

    @property
    def answers(self) -> list[Answered]:
        """Answers of all rows, those held out too, each once: people rate the same answers."""
        rows = (*self.preferences.train.rows, *self.preferences.held_out.rows)
        return list(dict.fromkeys(answer for row in rows for answer in row.answers))


def _learn(
    model: Any, task: _Task, start: Start, masks: checks.Masks
) -> tuple[LogProbs, list[dict[str, float]], LogProbs]:
    """Log-probabilities of the answers before, the Trainer's entries of all steps, and after."""
    from kamerton.develop.training.trainer import train
    from kamerton.develop.tune.preference.trainer import build, check_parts

    settings, folder = task.settings, task.checkpoints
    with scoring(model) as put_head_back:
        wanted = list(dict.fromkeys([*task.scored.answers, *task.answers]))
        before = _reference(model, wanted, settings, folder)
        trainer = build(
            model, task.tokenizer, task.scored, before, settings, folder, task.seed, start
        )
        put_head_back()
        head = check_head(model, task.scored.first[:_CHECKED_ANSWERS])
        checks.write(task.out, masks=masks, head=head, parts=check_parts(model, trainer))
        rows = len(task.scored.rows)
        total = math.ceil(rows * settings.epochs)
        history = train(trainer, say("develop.training"), total, rows, folder)
        after = _log_probs(model, task.answers, settings, "develop.preference_after")
    return before, history, after


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


def _reference(
    model: Any, answers: Sequence[Answered], settings: TuneSettings, folder: Path
) -> LogProbs:
    """Log-probabilities of `answers` under the model as it is: from `folder` or computed."""

    def compute() -> list[float]:
        values = _log_probs(model, answers, settings, "develop.preference_reference")
        return [values[answer] for answer in answers]

    return dict(zip(answers, kept(folder, model, answers, compute), strict=True))


def _log_probs(
    model: Any, answers: Sequence[Answered], settings: TuneSettings, label: str
) -> LogProbs:
    def score(rows: int) -> list[float]:
        with progress(say(label), len(answers), say("develop.preference_answers")) as bar:
            return log_probs(model, answers, rows, bar.update)

    values = run_with(settings.micro_batch_size, settings.batch_size, score)
    return dict(zip(answers, values, strict=True))


def _counts(preferences: Preferences, scored: Scored) -> dict[str, object]:
    train = preferences.train
    answers = [answer for row in train.rows for answer in row.answers]
    return {
        "rows": len(train.rows),
        "overlong_rows": train.overlong,
        "dropped_rows": train.dropped,
        "tokens": sum(map(len, answers)),
        "supervised_tokens": sum(len(answer.answer) for answer in answers),
        **scored.weights,
    }


def _held_out(task: _Task, before: LogProbs, after: LogProbs) -> dict[str, object] | None:
    """Figures of the held-out rows, and choices.jsonl; None where there are none."""
    part, settings = task.preferences.held_out, task.settings
    if not part.rows:
        return None
    figures = compare(settings.objective, part.rows, before, after, settings.beta)
    write_rows(task.out / CHOICES, choices(part.rows, before, after, settings.beta))
    dropped = {"overlong_rows": part.overlong, "dropped_rows": part.dropped}
    return figures | dropped | {"test": paired(part.rows, before, after)}
