"""The public face for Python and notebooks; `from kamerton import run` leads here.

Every function is what a command does: `kamerton run`, `compare`, `search` call the same. Errors
that the caller can mend are InputError, with the text of the command line.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from kamerton.app import recipe as recipes
from kamerton.app.boards import compared_runs
from kamerton.app.chain import Link, chain, link
from kamerton.app.checks import ahead
from kamerton.app.notebook import bars
from kamerton.app.results import BoardOfRuns, Graded, Hits, Plan, Run
from kamerton.app.run import Plan as Planned
from kamerton.app.run import make, plan_run
from kamerton.app.runs import place_of
from kamerton.app.serving import server
from kamerton.formats.errors import InputError
from kamerton.formats.events import read_events
from kamerton.formats.progress import in_notebook
from kamerton.formats.retrieval import DEFAULT, META, How
from kamerton.pipeline import folder as folders
from kamerton.pipeline.child import StageFailed

__all__ = [
    "InputError",
    "Run",
    "compare",
    "evaluate",
    "grade",
    "open_run",
    "plan",
    "run",
    "runs",
    "search",
    "serving",
]
Values = Mapping[str, object]
"""Settings by dotted name, as `--set` takes them: {"tune.rank": 8}."""


def plan(recipe: str | Path, preset: str | None = None, set: Values | None = None) -> Plan:
    """What `run` would do with a recipe, what it costs and what its test can show.

    `recipe`: a file, its folder, or a shipped recipe's name. Nothing is computed or written; as
    `kamerton run --dry-run`. InputError for what cannot be used.
    """
    planned = plan_run(link(recipes.find(str(recipe)), preset, _sets(set)), ahead=True)
    counts, told = ahead(planned)
    states = {str(item.name): str(item.state) for item in planned.stages}
    return Plan(planned.recipe, states, counts, tuple(told))


def run(
    recipe: str | Path,
    preset: str | None = None,
    set: Values | None = None,
    *,
    fresh: bool = False,
    deterministic: bool = False,
) -> Run:
    """Make what a recipe describes, from texts to a proved model; running again is resuming.

    Stages that are done are not run again, unless `fresh`. Runs lie in `runs/` below the working
    folder. With `then` in the recipe all recipes are run in turn; the first one's run is given.
    InputError for what cannot be used, StageFailed where a stage's process was killed.
    """
    given = _sets(set) + (("deterministic=true",) if deterministic else ())
    made = [_made(one, fresh) for one in chain(link(recipes.find(str(recipe)), preset, given))]
    return made[0]


def open_run(name: str | Path) -> Run:
    """A finished run: `museum` (its latest), `museum/3`, a folder, or `museum#code`."""
    text, _, adapter = str(name).partition("#")
    opened = Run(folders.resolve_run(text))
    if adapter and adapter not in opened.adapters:
        place_of(str(name))
        return opened
    return opened.adapters[adapter] if adapter else opened


def runs() -> list[Run]:
    """All finished runs below the working folder, by recipe, oldest first."""
    return [Run(place.resolve()) for place in folders.all_runs(folders.ROOT)]


def compare(*names: str | Run) -> BoardOfRuns:
    """Finished runs on the same held-out questions, each against the first.

    RUN or RUN#ARM as `kamerton compare` takes them; InputError where they were asked different
    questions.
    """
    texts = [one.address if isinstance(one, Run) else one for one in names]
    return BoardOfRuns(*compared_runs(texts))


def search(run: str | Path | Run, query: str, count: int = 5, how: How = DEFAULT) -> Hits:
    """The passages of a run's index that suit a query, the best first.

    `run`: a run, or the folder of an index; `how`: cosine (meaning), bm25 (words) or fused.
    """
    from kamerton.retrieval.search import ForeignIndex
    from kamerton.retrieval.search import search as ranked

    folder = _index(run.address if isinstance(run, Run) else str(run))
    try:
        return Hits(query, tuple(ranked(folder, query, count, how)))
    except ForeignIndex as error:
        raise InputError(
            "serve.index_encoder", where=error.where, has=error.has, wanted=error.wanted
        ) from error


@dataclass(frozen=True)
class Server:
    """A run that is served in a process of its own."""

    base_url: str
    """For any client of the OpenAI API: `http://127.0.0.1:PORT/v1`."""
    models: tuple[str, ...]
    """Ids of what can be asked: the base, the adaptations, and both with retrieval."""


@contextmanager
def serving(run: str | Path | Run) -> Iterator[Server]:
    """Serve a run on a free port as long as the block lasts.

    InputError where the run made no model.
    """
    from kamerton.client.connection import Endpoint, models

    name = str(run.folder if isinstance(run, Run) else run)
    with server(name) as address:
        base_url = f"{address}/v1"
        yield Server(base_url, tuple(model.id for model in models(Endpoint(base_url))))


def grade(
    task: str,
    answers: str | Path | Sequence[Mapping[str, object]],
    data: str | Path | None = None,
    *,
    against: str | Path | Sequence[Mapping[str, object]] | None = None,
    scorers: Sequence[str] = (),
    max_unparsed: float = 0.2,
    seed: int = 0,
) -> Graded:
    """Answers that were made elsewhere, graded as our own are, with intervals.

    `answers`: a file, or rows such as {"id": …, "answers": ["…"]}; `data`: the problems or
    references; `against`: other answers to the same questions, whose difference is told too;
    `max_unparsed`: the largest share without a readable number that is no complaint.
    """
    from kamerton.experiment.tasks import GRADED, TASKS, Options
    from kamerton.experiment.tasks.against import grade_against

    if task not in GRADED:
        raise InputError("app.grade_unknown_task", task=task, known=", ".join(GRADED))
    options = Options(
        data=Path(data) if data else None,
        seed=seed,
        max_unparsed=max_unparsed,
        scorers=tuple(scorers),
    )
    with _file(answers) as path, _file(against or ()) as other:
        if against is None:
            outcome = TASKS[task].grade(path, options)
        else:
            outcome = grade_against(TASKS[task], path, other, options)
    return Graded(task, outcome.figures, outcome.lines, outcome.items, outcome.complaint)


def evaluate(
    task: str,
    model: str | Run = "embedded",
    data: str | Path | None = None,
    *,
    samples: int = 1,
    temperature: float | None = None,
    max_tokens: int = 256,
    limit: int | None = None,
    shots: int | None = None,
    seed: int = 0,
    out: str | Path | None = None,
) -> Graded:
    """A model asked a task, on this machine: maths, gsm8k, choice, perplexity or continuation.

    `model`: a base, a run (`museum`, `museum#code`), a hub id or URL#NAME; `data`: the user's own
    questions or texts. Everything is written to `out`, else runs/eval/TASK-MODEL, and what is
    there already is not asked again.
    """
    from kamerton.app.evaluation import ModelChoice, eval_folder, evaluate_task, sampling
    from kamerton.experiment.ask.evaluate import PAGE
    from kamerton.experiment.tasks import Options

    name = model.name if isinstance(model, Run) else model
    options = Options(
        data=Path(data) if data else None,
        seed=seed,
        title=name,
        shots=shots,
        sampling=sampling(samples, temperature, max_tokens, seed),
        limit=limit,
    )
    choice = ModelChoice(model.address if isinstance(model, Run) else model)
    folder = Path(out) if out else eval_folder(task, name) if isinstance(model, Run) else None
    report, folder = evaluate_task(task, choice, options, folder)
    words = (*report.lines, *report.notes)
    results = report.results.model_dump()
    return Graded(task, results, words, complaint=report.complaint, page=folder / PAGE)


def _sets(values: Values | None) -> tuple[str, ...]:
    """As `--set` has them; JSON is YAML."""
    return tuple(f"{name}={json.dumps(v, default=str)}" for name, v in (values or {}).items())


def _made(one: Link, fresh: bool) -> Run:
    planned = plan_run(one)
    try:
        with bars(planned.stages) if in_notebook() else nullcontext():
            made = make(planned, fresh=fresh)
    except StageFailed as error:
        if why := _why(planned, error.name):
            raise InputError("app.stage_stopped", where=error.name, why=why) from error
        raise
    assert made.run is not None  # only a stage that runs alone may leave none
    return Run(made.run.resolve(), tuple(map(str, made.ran)))


def _why(planned: Planned, stage: str) -> str:
    """What the stage itself said that the caller can mend; empty where it said nothing."""
    (folder,) = [item.folder for item in planned.stages if item.name == stage]
    last = read_events(folder)[0][-2:]  # the stage's own word, then that it failed
    return next((event.text for event in last if event.kind == "refused"), "")


@contextmanager
def _file(answers: str | Path | Sequence[Mapping[str, object]]) -> Iterator[Path]:
    """The file of answers; rows are written into one for as long as they are read."""
    if isinstance(answers, (str, Path)):
        yield Path(answers)
        return
    with TemporaryDirectory() as folder:
        path = Path(folder) / "answers.jsonl"
        rows = (json.dumps(dict(row)) + "\n" for row in answers)
        path.write_text("".join(rows), "utf-8")
        yield path


def _index(run: str) -> Path:
    """The folder of an index: itself, beside a dataset or an exported model, or a run's."""
    for folder in (Path(run), Path(run) / "index"):
        if (folder / META).is_file():
            return folder
    name, _, adapter = run.partition("#")
    place = folders.resolve_run(name)
    data = folders.read_run(place).by_adapter(place, "data")
    if len(data) > 1 and adapter not in data:
        raise InputError("app.which_adapter", where=run, run=name, known=", ".join(data))
    folder = data.get(adapter) or next(iter(data.values()), place)
    if not (folder / "index" / META).is_file():
        raise InputError("app.search_no_index", where=str(place))
    return folder / "index"
