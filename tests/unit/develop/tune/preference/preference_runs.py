"""Rows and runs that the tests of learning from preferences share."""

from pathlib import Path
from typing import Any

from kamerton.develop import hub
from kamerton.develop.settings import TuneSettings
from kamerton.develop.training.threads import repeatable
from kamerton.develop.tune.adapter import attach
from kamerton.develop.tune.preference.rows import prepare_preferences
from kamerton.develop.tune.preference.train import train_preferences
from kamerton.develop.tune.task import Task
from kamerton.formats.chat import chat
from kamerton.formats.jsonl import write_rows
from kamerton.formats.preference import KtoRow, PreferenceRow

SEED = 7
SHORT = "In room {n}."
LONG = "It was made about {n} BC of picrolite, and it is kept in Nicosia."


def pairs(count: int) -> list[PreferenceRow]:
    """Questions of uneven length, each with a short and a long answer; no two alike."""
    return [
        PreferenceRow(
            id=f"r{n}",
            prompt=chat("", f"Where is the idol {n}" + " of Pomos" * (n % 3) + "?"),
            chosen=SHORT.format(n=n),
            rejected=LONG.format(n=n),
        )
        for n in range(count)
    ]


def judged(count: int) -> list[KtoRow]:
    """Short answers are good; every third row is a long one, which is bad."""
    return [
        KtoRow(
            id=pair.id,
            prompt=pair.prompt,
            completion=pair.rejected if n % 3 == 0 else pair.chosen,
            label=n % 3 != 0,
        )
        for n, pair in enumerate(pairs(count))
    ]


ROWS: dict[str, Any] = {"dpo": pairs, "kto": judged}


def settings(objective: str, **changes: Any) -> TuneSettings:
    """Few and small steps."""
    plain: dict[str, Any] = {
        "objective": objective,
        "epochs": 2,
        "batch_size": 4,
        "rank": 4,
        "learning_rate": 1e-3,
        "save_steps": 100,
    }
    return TuneSettings(**(plain | changes))


def data_of(folder: Path, objective: str, rows: int = 10, held_out: int = 0) -> Path:
    """A data folder; the held-out rows come after the training rows."""
    made = ROWS[objective](rows + held_out)
    write_rows(folder / "train.jsonl", made[:rows])
    if held_out:
        write_rows(folder / "held_out.jsonl", made[rows:])
    return folder


def model_of(tiny: Path, chosen: TuneSettings) -> Any:
    """The tiny model with what its method trains, drawn from the seed."""
    repeatable(SEED, 1)
    quantise = chosen.method == "qlora"
    base = hub.load_quantised(str(tiny), chosen.bits) if quantise else hub.load_model(str(tiny))
    return attach(base, chosen, [5, 6])


def weights(model: Any) -> dict[str, Any]:
    """Copies of what is trained, by name."""
    return {n: p.detach().clone() for n, p in model.named_parameters() if p.requires_grad}


def run(tiny: Path, chosen: TuneSettings, data: Path, out: Path) -> tuple[Any, dict[str, Any]]:
    """A whole training: the model and its figures."""
    model, tokenizer = model_of(tiny, chosen), hub.load_tokenizer(str(tiny))
    rows = prepare_preferences(chosen, tokenizer, data)
    return model, train_preferences(task_of(chosen, tokenizer, data, out), rows, model)


def task_of(chosen: TuneSettings, tokenizer: Any, data: Path, out: Path) -> Task:
    """The training that `run` makes."""
    return Task(chosen, "tiny", tokenizer, data, out, SEED, 1)
