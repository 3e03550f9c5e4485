"""With `KAMERTON_LANG=ru` no command, no help and no error speaks English."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import typer
from finished_runs import finished_run, rows_run

from command_line import call
from kamerton.app.recipe import Recipe
from kamerton.cli.main import build
from kamerton.experiment.criteria import TABLE
from kamerton.formats.jsonl import write_text

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "docs" / "tutorials" / "example"
MUSEUM = str(ROOT / "recipes" / "museum")
SOURCES = ["--documents", str(EXAMPLE / "documents"), "--questions", str(EXAMPLE / "questions.csv")]
ANSWERS = ["texts", "answers.jsonl", "--scorer", "chrf", "--scorer", "exact"]

NAMES = frozenset(
    """
    kamerton museum novels marketing rag arm smoke full original russian small votes lighthouse
    python torch transformers peft xllamacpp gradio chromium bubblewrap llm smollm pip install
    json jsonl csv html latex markdown pdf docx md txt xlsx utf sha gguf url http api page
    humaneval mbpp gsm8k scitldr maths texts adverts choice perplexity continuation embedded
    rouge chrf bleu bertscore exact contains codebleu meteor pass self consistency sacrebleu
    statistics rates examples et al id task question prompt answer answerKey answers text key split
    choices target gold label report pretrain arXiv
    """.split()  # noqa: SIM905 — a list that people read
)
"""Latin words that are names: recipes, packages, formats, tasks, scorers, columns."""


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every command that a help names, groups before what is in them."""
    if path:
        yield path
    for name, below in getattr(command, "commands", {}).items():
        if not below.hidden:
            yield from leaves(below, (*path, name))


def of_settings(schema: Any) -> Iterator[str]:
    """Keys and values of recipes, out of their JSON Schema."""
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        yield from filter(None, map(str, [schema.get("const", ""), *schema.get("enum", [])]))
    for below in schema.values() if isinstance(schema, dict) else schema:
        if isinstance(below, dict | list):
            yield from of_settings(below)


EVERY = list(leaves(typer.main.get_command(build())))
KNOWN = NAMES | TABLE.keys() | {word for path in EVERY for word in path}
KNOWN |= set(of_settings(Recipe.model_json_schema()))
"""Names of commands, criteria, settings and their values too."""

COMMANDS: dict[str, list[str]] = {
    "init": ["init", "fresh", *SOURCES],
    "doctor": ["doctor"],
    "recipe ls": ["recipe", "ls"],
    "recipe cp": ["recipe", "cp", MUSEUM, "copy"],
    "data preview": ["data", "preview", "corpus.yaml"],
    "data check": ["data", "check", "museum"],
    "data search": ["data", "search", "museum", "vase"],
    "data feedback": ["data", "feedback", "votes.jsonl", "votes"],
    "data leaks": ["data", "leaks", "train.jsonl", "held.jsonl"],
    "run": ["run", MUSEUM, "--dry-run"],
    "runs ls": ["runs", "ls"],
    "runs show": ["runs", "show", "museum"],
    "runs diff": ["runs", "diff", "museum/1", "museum/2"],
    "runs gc": ["runs", "gc"],
    "serve": ["serve", "museum"],
    "push": ["push", "museum", "out"],
    "compare": ["compare", "museum/1", "museum/2"],
    "leaderboard": ["leaderboard"],
    "gate": ["gate", "museum/2", "--against", "museum/1"],
    "judge": ["judge", "museum", "--model", "http://127.0.0.1:9/v1#x", "--dry-run"],
    "rating make": ["rating", "make", "museum", "handed"],
    "rating read": ["rating", "read", "museum", "handed/rating.csv"],
    "eval": ["eval", "maths", "--data", "none.jsonl"],
    "grade": ["grade", *ANSWERS],
    "sandbox check": ["sandbox", "check"],
    "sandbox run": ["sandbox", "run", "program.py"],
    "selfcheck": ["selfcheck", "--only", "pass_at_k"],
}
DATA_ALONE = {"recipe show", "recipe schema"}
"""What they print is a file: YAML, a JSON Schema."""

ERRORS: list[list[str]] = [
    ["nothing"],
    ["runs", "shw"],
    ["run"],
    ["run", MUSEUM, "--presett", "smoke"],
    ["run", MUSEUM, "--preset"],
    ["run", MUSEUM, "--preset", "smok"],
    ["run", "no-such-recipe"],
    ["run", MUSEUM, "more", "than", "one"],
    ["run", MUSEUM, "--only", "tuen"],
    ["run", MUSEUM, "--set", "tune.rnak=3"],
    ["run", MUSEUM, "--set", "tune.rank=many"],
    ["run", MUSEUM, "--set", "tune.rank=0"],
    ["run", MUSEUM, "--set", "tune.rank"],
    ["run", MUSEUM, "--set", "tune.learning_rate=[1]"],
    ["run", MUSEUM, "--set", "data.kind=rowz"],
    ["run", MUSEUM, "--set", "tune.micro_batch_size=99"],
    ["run", MUSEUM, "--set", "tune.method=lorra"],
    ["run", MUSEUM, "--set", "adapters={a: {data: {kind: corpus, source: x}}}"],
    ["run", MUSEUM, "--set", "pretrain={}"],
    ["run", MUSEUM, "--dry-run", "--set", "base=/no/model"],
    ["run", MUSEUM, "--dry-run", "--set", "base=owner/no-such-model"],
    ["run", MUSEUM, "--dry-run", "--set", "data.known_groups=99"],
    ["run", MUSEUM, "--dry-run", "--set", "data.catalogue=none.yaml"],
    ["run", "tab.yaml"],
    ["run", "colon.yaml"],
    ["run", "twice.yaml"],
    ["run", "list.yaml"],
    ["init", "fresh", *SOURCES[:2], "--questions", "none.csv"],
    ["init", "fresh", "--documents", "none", *SOURCES[2:]],
    ["init", "fresh", *SOURCES[:2], "--questions", "broken.jsonl"],
    ["serve", "museum/9"],
    ["serve", "museum", "--port", "x"],
    ["serve", "museum", "--slots", "0"],
    ["compare", "museum/1"],
    ["compare", "museum/1", "museum/9"],
    ["compare", "museum/1", "museum/2", "--format", "word"],
    ["gate", "museum"],
    ["judge", "museum", "--criterion", "taste", "--model", "http://127.0.0.1:9/v1#x"],
    ["judge", "museum"],
    ["grade", "poetry", "answers.jsonl"],
    ["grade", "texts", "none.jsonl"],
    ["grade", "texts", "broken.jsonl"],
    ["eval", "poetry"],
    ["eval", "maths", "--window", "3"],
    ["data", "search", "museum", "x", "--how", "guess"],
    ["data", "leaks", "train.jsonl"],
    ["data", "feedback", "broken.jsonl", "out"],
    ["data", "preview", MUSEUM],
    ["sandbox", "run", "none.py"],
    ["selfcheck", "--only", "magic"],
    ["--lang", "de", "doctor"],
    ["--lang"],
]
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KAMERTON_LANG", "ru")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture
def filled(here: None) -> None:
    """Finished runs and small files of every sort."""
    for share in (0.5, 0.9):
        finished_run({"base": 0.2, "museum": share})
    rows_run(0.5)
    chat = [{"role": "user", "content": "Что это?"}, {"role": "assistant", "content": "Ваза."}]
    vote = {"id": "1", "time": "2026-01-01T00:00:00Z", "model": "m", "messages": chat}
    vote |= {"rating": {"kind": "vote", "vote": "up"}, "user": "u", "consent": True}
    files = {
        "answers.jsonl": {"id": "1", "answers": ["Ваза из глины."], "reference": "Ваза из глины."},
        "train.jsonl": {"messages": chat},
        "held.jsonl": {"messages": chat},
        "votes.jsonl": vote,
    }
    for name, row in files.items():
        write_text(Path(name), json.dumps(row, ensure_ascii=False) + "\n")
    texts = {
        "corpus.yaml": "name: c\ndata: {kind: corpus, source: novels, language: ru}\n",
        "novels/a.txt": "Мороз и солнце, день чудесный. Ещё ты дремлешь, друг прелестный.\n" * 20,
        "program.py": "print(1)\n",
        "tab.yaml": "name: x\n\tbase: y\n",
        "colon.yaml": "name: a: b\n",
        "twice.yaml": "name: a\nname: b\n",
        "list.yaml": "- a\n",
        "broken.jsonl": '{"question": "x"\n',
    }
    for name, text in texts.items():
        write_text(Path(name), text)


def english(text: str, given: Sequence[str] = ()) -> list[str]:
    """Latin words that are no names and that nobody gave.

    Names are what stands in quotes, options, paths, what bears a digit or a sign, and what begins
    with a capital letter.
    """
    known = KNOWN | set(re.findall("[A-Za-z]+", " ".join(given)))
    bare = re.sub(r"'[^'\n]*'|`[^`\n]*`|«[^»\n]*»|\"[^\"\n]*\"|\x1b\[\S*", " ", text)
    words = []
    for word in bare.split():
        stripped = word.strip("()[]{}<>,.;:!?…—*")
        named = re.search(r"[/\\_=#+<>@|\d]|--|\w\.\w|[а-яё]", stripped)
        if re.search("[A-Za-z]{2,}", stripped) and not named:
            words += re.findall("[A-Za-z]{2,}", stripped)
    return [word for word in words if word not in known and not word[0].isupper()]


@pytest.mark.parametrize("path", EVERY, ids=" ".join)
def test_every_help_speaks_russian(path: tuple[str, ...], capsys: Capture) -> None:
    assert call(*path, "--help") == 0
    assert english(capsys.readouterr().out) == []


def test_the_first_help_has_groups_and_begins_with_init_and_doctor(capsys: Capture) -> None:
    assert call("--help") == 0
    told = capsys.readouterr().out
    assert english(told) == [] and "..." not in told.split("С чего начать")[1]
    order = re.findall(r"^  (\w+)  ", told.split("С чего начать")[1], re.M)
    assert order[:3] == ["init", "doctor", "recipe"]
    assert sorted(order) == sorted(path[0] for path in EVERY if len(path) == 1)
    assert len(re.findall(r"^\S.*:$", told, re.M)) == 5, "options and four groups"


def test_every_command_has_its_line_in_this_test() -> None:
    groups = {path[:-1] for path in EVERY if len(path) > 1}
    single = {" ".join(path) for path in EVERY if path not in groups}
    assert single == COMMANDS.keys() | DATA_ALONE


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_speaks_russian(command: str, filled: None, capsys: Capture) -> None:
    if command == "rating read":
        call(*COMMANDS["rating make"])
        capsys.readouterr()
    assert call(*COMMANDS[command]) in (0, 1, 2)
    told = capsys.readouterr()
    # A plan begins with the recipe's own settings.
    shown = told.out.partition("\n\n")[2] if command == "run" else told.out
    assert english(shown, COMMANDS[command]) == [] and english(told.err, COMMANDS[command]) == []


@pytest.mark.parametrize("arguments", ERRORS, ids=" ".join)
def test_every_error_speaks_russian(arguments: list[str], filled: None, capsys: Capture) -> None:
    assert call(*arguments) == 2
    told = capsys.readouterr()
    assert english(told.err, arguments) == [] and "Traceback" not in told.err
    assert re.search("[а-яё]{3}", told.err)
