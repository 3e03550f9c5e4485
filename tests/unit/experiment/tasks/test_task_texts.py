"""Texts against references: scorers by name, intervals, where references come from."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from kamerton import stats
from kamerton.experiment.scorers import SCORERS
from kamerton.experiment.scorers.scored import interval
from kamerton.experiment.tasks import TASKS, Columns, Options, Outcome
from kamerton.formats.errors import InputError

pytest.importorskip("sacrebleu")
pytest.importorskip("rouge_score")
ROOT = Path(__file__).resolve().parents[4]
DATA = Path(os.environ.get("KAMERTON_TEST_DATA") or ROOT.parent / "shared" / "data")
REFERENCES = {"1": ["clay pots dried in the sun"], "2": ["a bronze idol", "an idol of bronze"]}


def jsonl(path: Path, rows: Sequence[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def graded(tmp_path: Path, answers: dict[str, list[str]], options: Options) -> Outcome:
    path = jsonl(tmp_path / "a.jsonl", [{"id": i, "answers": a} for i, a in answers.items()])
    return TASKS["texts"].grade(path, options)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rows: list[dict[str, object]] = [{"id": i, "references": r} for i, r in REFERENCES.items()]
    return jsonl(tmp_path / "data.jsonl", rows)


def test_default_scorers_give_what_the_scorers_give(tmp_path: Path, data: Path) -> None:
    answers = {"1": ["clay pots in the sun"], "2": ["an idol of clay"]}
    found = graded(tmp_path, answers, Options(data=data))
    names = [one["scorer"] for one in found.figures["scores"]]
    assert names == ["rouge1", "rouge2", "rougeL", "chrf"]
    texts, those = [a[0] for a in answers.values()], list(REFERENCES.values())
    for one in found.figures["scores"]:
        wanted = SCORERS[one["scorer"]].score(texts, those)
        assert one["value"]["mean"] == pytest.approx(wanted.corpus, abs=1e-12)
        assert one["value"]["low"] <= wanted.corpus <= one["value"]["high"]
        assert one["signature"] == wanted.signature
        assert [item.scores[one["scorer"]] for item in found.items] == list(wanted.items)
    assert "2 of 2" in found.lines[0] and any("nrefs" in line for line in found.lines)


def test_all_samples_count_and_hang_together(tmp_path: Path, data: Path) -> None:
    options = Options(data=data, scorers=("exact",))
    answers = {"1": ["clay pots dried in the sun", "no"], "2": ["a bronze idol"]}
    (one,) = graded(tmp_path, answers, options).figures["scores"]
    assert one["value"]["mean"] == pytest.approx(2 / 3) and one["interval"] == "bootstrap"
    (one,) = graded(tmp_path, {"1": ["no"], "2": ["a bronze idol"]}, options).figures["scores"]
    wanted = stats.wilson(1, 2)
    assert one["interval"] == "wilson" and one["value"] == wanted.model_dump()


def test_exact_and_contains_on_a_users_csv(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("nr;said;ideal\n1;Это бронза.;бронза\n2;камень;пикролит\n", "utf-8")
    columns = Columns(id="nr", answer="said", reference="ideal")
    options = Options(columns=columns, scorers=("exact", "contains"))
    found = {one["scorer"]: one for one in TASKS["texts"].grade(path, options).figures["scores"]}
    assert found["exact_match"]["value"]["mean"] == 0
    assert found["contains"]["value"]["mean"] == 0.5


def test_references_may_lie_elsewhere_under_a_name_of_their_own(tmp_path: Path) -> None:
    answers = jsonl(tmp_path / "a.jsonl", [{"id": "b", "answer": "idol", "gold": 17}])
    (tmp_path / "d.csv").write_text("id,truth\na,vase\nb,idol\n", "utf-8")
    options = Options(tmp_path / "d.csv", scorers=("exact",), columns=Columns(reference="truth"))
    found = TASKS["texts"].grade(answers, options)
    assert found.figures["scores"][0]["value"]["mean"] == 1
    assert (found.figures["questions"], found.figures["references"]) == (1, 2)


def test_what_is_wrong_is_said(tmp_path: Path, data: Path) -> None:
    good = {"1": ["x"]}
    with pytest.raises(InputError, match=r"no scorer “blue”.*bleu"):
        graded(tmp_path, good, Options(data=data, scorers=("blue",)))
    with pytest.raises(InputError, match="--scorer bertscore"):
        graded(tmp_path, good, Options(data=data, encoder="folder"))
    with pytest.raises(InputError, match=r"a\.jsonl:1.*no task or reference.*“3”"):
        graded(tmp_path, {"3": ["x"]}, Options(data=data))
    with pytest.raises(InputError, match=r"a\.jsonl:1.*no reference.*--data"):
        graded(tmp_path, good, Options())


def test_scitldr_takes_the_published_references(tmp_path: Path) -> None:
    if not (DATA / "scitldr" / "test.jsonl").is_file():
        pytest.skip(f"no test data at {DATA}: set KAMERTON_TEST_DATA")
    rows = [json.loads(line) for line in (DATA / "scitldr/test.jsonl").open(encoding="utf-8")][:20]
    own = jsonl(
        tmp_path / "a.jsonl", [{"id": r["paper_id"], "answer": r["target"][0]} for r in rows]
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KAMERTON_TEST_DATA", str(DATA))
        found = TASKS["scitldr"].grade(own, Options(scorers=("rougeL", "chrf")))
    assert [round(one["value"]["mean"], 6) for one in found.figures["scores"]] == [1, 100]
    assert (found.figures["questions"], found.figures["references"]) == (20, 618)


def test_the_interval_of_a_corpus_value_follows_groups() -> None:
    scorer = SCORERS["chrf"]
    answers = ["clay pots"] * 20 + ["nothing alike here"] * 20
    references = [["clay pots"]] * 40
    scored = scorer.score(answers, references)
    alone = interval(scorer, scored, answers, references, [str(n) for n in range(40)])
    pairs = interval(scorer, scored, answers, references, [str(n // 10) for n in range(40)])
    assert alone is not None and pairs is not None and alone.kind == "corpus_bootstrap"
    assert alone.mean == pytest.approx(scored.corpus) == pytest.approx(pairs.mean)
    assert alone.low < scored.corpus < alone.high
    assert pairs.high - pairs.low > 1.5 * (alone.high - alone.low)
    one = interval(scorer, scored, answers, references, ["all"] * 40)
    assert one is not None and (one.low, one.high) == scorer.bounds
