"""The command line: exit codes, messages, data on stdout."""

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from command_line import call

ROOT = Path(__file__).parents[3]
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def at_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["run", "museum", "--set", "tune.rnak=3"], "unknown key tune.rnak. Did you mean rank?"),
        (["run", "museum", "--set", "tune.rows_at_once=3"], "Did you mean micro_batch_size?"),
        (["run", "museum", "--set", "tune.rank=many"], "tune.rank"),
        (["run", "museum", "--set", "tune.rank"], "key=value"),
        (["run", "museum", "--preset", "smok"], "the recipe has: smoke, full"),
        (["run", "musuem"], "shipped: feedback, marketing, museum"),
        (["run", "museum", "--only", "tuen"], "check, data, tune, export, compare, report"),
        (["run", "museum", "--dry-run", "--set", "data.known_groups=99"], "46 groups"),
        (["run", "museum", "--dry-run", "--set", "data.catalogue=no.yaml"], "no.yaml"),
        (["run", "museum", "--dry-run", "--set", "base=/no/model"], "/no/model"),
        (["run", "museum", "--set", "name=base"], "cannot be called base"),
        (["serve", "nothing-here"], "there is no run nothing-here"),
        (["--lang", "de", "doctor"], "no language de"),
    ],
)
def test_bad_input_is_told_with_exit_code_2(
    arguments: list[str], expected: str, capsys: Capture
) -> None:
    assert call(*arguments) == 2
    told = capsys.readouterr()
    assert expected in told.err and told.out == "" and "Traceback" not in told.err


def test_errors_speak_russian(capsys: Capture) -> None:
    assert call("--lang", "ru", "run", "museum", "--preset", "x") == 2
    assert "в рецепте есть" in capsys.readouterr().err


def test_help_speaks_russian(capsys: Capture) -> None:
    assert call("--lang", "ru", "run", "--help") == 0
    assert "Выполнить рецепт" in capsys.readouterr().out


@pytest.mark.parametrize(
    "command", [[], ["run"], ["grade"], ["recipe"], ["recipe", "show"], ["data"], ["sandbox"]]
)
def test_help_is_asked_for_in_two_ways(command: list[str], capsys: Capture) -> None:
    told = []
    for option in ("-h", "--help"):
        assert call(*command, option) == 0
        told.append(capsys.readouterr().out)
    assert told[0] == told[1] and "-h, --help" in told[0]


@pytest.mark.parametrize("command", [["--help"], ["run", "--help"], ["runs", "ls"]])
def test_help_loads_no_platform(command: list[str]) -> None:
    script = (
        "import sys\nfrom kamerton.cli.main import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit as end:\n    assert not end.code\n"
        "found = {m.split('.')[1] for m in sys.modules if m.startswith('kamerton.')}\n"
        "print('LOADED', sorted(found & {'develop', 'experiment', 'serve', 'studio', 'engines'}))"
    )
    program = [sys.executable, "-c", script, *command]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    assert "LOADED []" in done.stdout


def test_the_plan_as_json(capsys: Capture) -> None:
    assert call("run", "museum", "--preset", "smoke", "--dry-run", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found["stages"]) == ["check", "data", "tune", "export", "compare", "report"]
    planned = found["adapters"]["museum"]
    assert planned["training"]["rows"] == 44 and planned["training"]["truncated"] == 0
    assert found["origins"]["data.known_groups"] == "preset smoke"
    assert 0 < planned["design"]["hypotheses"][0]["detectable"] <= 1


def recipe_file(folder: Path, text: str) -> Path:
    (folder / "rows.jsonl").write_text('{"question": "Q?", "answer": "A."}\n', "utf-8")
    (folder / "recipe.yaml").write_text("name: two\n" + text, "utf-8")
    return folder / "recipe.yaml"


ROWS = "{kind: rows, rights: {licence: MIT}, sources: [{name: rows.jsonl}]}"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("pretrain: {}\n", "pretrain needs data of kind corpus"),
        ("data: {kind: corpus, source: x}\ntune: {}\n", "tune needs rows or a guide"),
        (f"tune: {{}}\nadapters: {{a: {{data: {ROWS}}}}}\n", "take these out here"),
        ("data: {kind: corpus, source: x}\npretrain: {step: 3}\n", "pretrain.step"),
    ],
)
def test_sections_that_do_not_go_together_are_refused(
    text: str, told: str, tmp_path: Path, capsys: Capture
) -> None:
    assert call("run", str(recipe_file(tmp_path, text))) == 2
    assert told in capsys.readouterr().err


def test_recipe_show_and_schema(capsys: Capture) -> None:
    assert call("recipe", "show", "museum", "--set", "tune.learning_rate=2e-5", "--json") == 0
    assert json.loads(capsys.readouterr().out)["tune"]["learning_rate"] == 2e-5
    assert call("recipe", "schema") == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema["$defs"]["TuneSettings"]["properties"]["rank"]["description"]


def test_recipe_cp_does_not_overwrite(tmp_path: Path, capsys: Capture) -> None:
    assert call("recipe", "cp", "museum", str(tmp_path / "mine")) == 0
    assert (tmp_path / "mine" / "catalogue.en.yaml").is_file()
    assert call("recipe", "cp", "museum", str(tmp_path / "mine")) == 2


def test_doctor_as_json(capsys: Capture) -> None:
    assert call("doctor", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["cores"] >= 1 and found["torch"] and found["missing"] == []


def test_init_makes_a_recipe_that_can_be_planned(tmp_path: Path, capsys: Capture) -> None:
    example = ROOT / "docs" / "tutorials" / "example"
    folder = tmp_path / "mine"
    sources = ["--documents", str(example / "documents"), "--questions"]
    assert call("init", str(folder), *sources, str(example / "questions.csv")) == 0
    assert call("run", str(folder), "--dry-run", "--json") == 0
    capsys.readouterr()
    assert call("init", str(folder), *sources, str(example / "questions.csv")) == 2
    assert "exists already" in capsys.readouterr().err


PUMPS = {
    ("НК-32/125", "Гарантия на НК-32/125 действует 24 месяца."): "Какая гарантия у НК-32/125?",
    ("НК-32/125", "Насос НК-32/125 отлит из чугуна."): "Из чего НК-32/125?",
    ("ГНОМ-10", "Насос ГНОМ-10 весит 20 кг."): "Сколько весит ГНОМ-10?",
    ("КМ-80", "Вал насоса КМ-80 уплотнён кольцом из фторкаучука и графита с карбидом кремния."): (
        "Чем уплотнён КМ-80?"
    ),
}


def pumps(folder: Path, end: str = ".") -> list[str]:
    rows = [
        f"{start}{question},{answer.rstrip('.')}{end},{group}"
        for (group, answer), question in PUMPS.items()
        for start in ("", "Скажите: ")
    ]
    (folder / "q.csv").write_text("\n".join(["question,answer,group", *rows]) + "\n", "utf-8")
    (folder / "texts").mkdir()
    (folder / "texts" / "a.txt").write_text("Насосы завода.\n", "utf-8")
    sources = ["--documents", str(folder / "texts"), "--questions", str(folder / "q.csv")]
    return ["init", str(folder / "pumps"), *sources]


def test_init_shows_its_keys_and_what_so_few_groups_can_show(
    tmp_path: Path, capsys: Capture
) -> None:
    assert call(*pumps(tmp_path)) == 0
    told = capsys.readouterr().out
    lines = [line.rsplit("  ", 1) for line in told.splitlines() if "  " in line]
    keys = {answer.strip(): key for answer, key in lines}
    assert [keys[answer] for _, answer in PUMPS] == ["24", "чугуна", "20", "фторкаучука"]
    assert "with 2 groups no difference can be shown; at least 7 are needed" in told


def test_the_plan_names_what_a_scorer_lacks(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(package: str) -> str:
        raise metadata.PackageNotFoundError(package)

    assert call(*pumps(tmp_path)) == 0
    monkeypatch.setattr(metadata, "version", version)
    recipe = str(tmp_path / "pumps" / "recipe.yaml")
    assert call("run", recipe, "--dry-run", "--set", "experiment.criteria=[bleu]") == 2
    assert "sacrebleu" in capsys.readouterr().err


def test_the_plan_raises_the_limit_to_the_longest_reference_and_says_so(
    tmp_path: Path, capsys: Capture
) -> None:
    assert call(*pumps(tmp_path)) == 0
    capsys.readouterr()
    recipe = str(tmp_path / "pumps" / "recipe.yaml")
    assert call("run", recipe, "--dry-run", "--json") == 0
    found = json.loads(capsys.readouterr().out)["adapters"]["pumps"]
    answers = found["answers"]
    assert answers["set"] == 32 < answers["longest"] < answers["limit"]
    assert {h["detectable"] for h in found["design"]["hypotheses"]} == {1.0}
    assert call("run", recipe, "--dry-run") == 0
    assert f"so answers may have {answers['limit']} (experiment.max_tokens is 32)" in (
        capsys.readouterr().out
    )
    assert call("run", "museum", "--dry-run", "--json") == 0
    museum = json.loads(capsys.readouterr().out)["adapters"]["museum"]["answers"]
    assert museum["limit"] == museum["set"] == 32


def test_a_reference_that_its_own_criteria_fail_stops_the_plan(
    tmp_path: Path, capsys: Capture
) -> None:
    assert call(*pumps(tmp_path, end="")) == 0
    capsys.readouterr()
    assert call("run", str(tmp_path / "pumps" / "recipe.yaml"), "--dry-run") == 2
    told = capsys.readouterr()
    assert "q.csv:" in told.err and "correct format: does not end with" in told.err
    assert told.out == ""


def test_init_refuses_bad_questions_and_leaves_nothing(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "q.csv").write_text("question,reply\na,b\n", "utf-8")
    documents = ROOT / "docs" / "tutorials" / "example" / "documents"
    arguments = ["--documents", str(documents), "--questions", str(tmp_path / "q.csv")]
    assert call("init", str(tmp_path / "mine"), *arguments) == 2
    assert "q.csv:2" in capsys.readouterr().err
    assert not (tmp_path / "mine").exists()
