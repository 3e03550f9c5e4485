"""Results in lm-evaluation-harness's form: its fields, our figures, its own table and readers."""

import hashlib
import json
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from completing import completing, served

from kamerton.experiment.ask.asking import SamplingParams
from kamerton.experiment.ask.evaluate import evaluate
from kamerton.experiment.tasks import Options
from kamerton.experiment.tasks.gsm8k import maths
from kamerton.experiment.tasks.harness import UNREAD
from kamerton.experiment.tasks.maths.problems import Problem
from kamerton.experiment.tasks.maths.report import MathsResults

PROBLEMS = [Problem(f"q{i}", f"How many is {i} and {i}?", Fraction(2 * i)) for i in range(8)]
SAMPLE = {
    "doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics",
    "doc_hash", "prompt_hash", "target_hash", "exact_match",
}  # fmt: skip
"""The fields of `SampleResult` in lm_eval 0.4.13, and the one metric."""
Tree = dict[str, Any]


def number(body: Tree) -> int:
    return int(body["prompt"].rpartition("How many is ")[2].split()[0])


def mixed(body: Tree) -> str:
    """Three of eight right; one answer has no number."""
    i = number(body)
    return " The answer is unknown." if i == 7 else f" The answer is {2 * i if i < 3 else 1}."


def split(body: Tree) -> str:
    """Right for two seeds of three."""
    return f" The answer is {2 * number(body) if body['seed'] % 3 else 1}."


def written(out: Path, answer: Any = mixed, **how: Any) -> tuple[MathsResults, Tree, list[Tree]]:
    """An evaluation of six of the problems, its results and its samples in the harness's form."""
    sampling = SamplingParams(**how)
    config = Options(title="org/model", sampling=sampling, max_unparsed=1.0, limit=6)
    with completing(answer) as there:
        found = evaluate(maths("gsm8k", config, PROBLEMS), served(there.url), out).results
    assert isinstance(found, MathsResults)
    (results,), (samples,) = out.glob("results_*.json"), out.glob("samples_gsm8k_*.jsonl")
    assert results.stem.partition("_")[2] == samples.stem.removeprefix("samples_gsm8k_")
    rows = [json.loads(line) for line in samples.read_text("utf-8").splitlines()]
    return found, json.loads(results.read_text("utf-8")), rows


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_results_have_our_figures_in_their_places(tmp_path: Path) -> None:
    found, tree, rows = written(tmp_path)
    figures = tree["results"]["gsm8k"]
    assert figures["exact_match,declared"] == found.grading.accuracy.mean == 0.5
    # The harness's mean_stderr: the standard deviation with n - 1 over the root of n.
    assert figures["exact_match_stderr,declared"] == pytest.approx((0.3 / 6) ** 0.5)
    assert (figures["alias"], figures["sample_len"]) == ("gsm8k", 6)
    assert tree["n-samples"] == {"gsm8k": {"original": 8, "effective": 6}}
    assert tree["n-shot"] == {"gsm8k": 8} and tree["group_subtasks"] == {}
    assert tree["higher_is_better"] == {"gsm8k": {"exact_match": True}}
    config = tree["configs"]["gsm8k"]
    assert config["output_type"] == "generate_until" and config["repeats"] == 1
    assert config["generation_kwargs"]["until"] == ["\nQ:", "\n\nQ:"]
    assert tree["config"]["model_args"] == "pretrained=org/model"
    assert (tree["config"]["limit"], tree["config"]["random_seed"]) == (6, 0)
    assert tree["model_name_sanitized"] == "org__model"
    hashes = "".join(r["doc_hash"] + r["prompt_hash"] + r["target_hash"] for r in rows)
    assert tree["task_hashes"] == {"gsm8k": sha(hashes)}


def test_what_is_not_known_is_left_out(tmp_path: Path) -> None:
    _, tree, _ = written(tmp_path)
    assert tree["versions"] == {}, "a version of the task that nobody has given it"
    for name in ("git_hash", "date", "transformers_version", "lm_eval_version", "max_length"):
        assert name not in tree
    assert not {"model_sha", "batch_size", "device"} & tree["config"].keys()


def test_sample_rows_have_the_fields_and_the_texts(tmp_path: Path) -> None:
    _, _, rows = written(tmp_path)
    assert [row["doc_id"] for row in rows] == list(range(6))
    assert all(row.keys() == SAMPLE for row in rows)
    row = rows[2]
    assert row["doc"] == {"id": "q2", "question": "How many is 2 and 2?", "answer": "4"}
    prompt = row["arguments"]["gen_args_0"]["arg_0"]
    assert prompt.endswith("Q: How many is 2 and 2?\nA:") and prompt.count("\nA:") == 9
    assert row["arguments"]["gen_args_0"]["arg_1"]["do_sample"] is False
    assert (row["resps"], row["filtered_resps"]) == ([[" The answer is 4."]], ["4"])
    assert (row["target"], row["filter"], row["metrics"]) == ("4", "declared", ["exact_match"])
    assert [r["exact_match"] for r in rows] == [1.0, 1.0, 1.0, 0.0, 0.0, 0.0]
    assert row["prompt_hash"] == sha(prompt) and row["target_hash"] == sha("4")
    assert row["doc_hash"] == sha(json.dumps(row["doc"], indent=2, ensure_ascii=False))


def test_an_answer_without_a_number_is_said_as_the_harness_says_it(tmp_path: Path) -> None:
    _, tree, rows = written(tmp_path, lambda body: " The answer is unknown.")
    assert {row["filtered_resps"][0] for row in rows} == {UNREAD}
    assert tree["results"]["gsm8k"]["exact_match,declared"] == 0.0


def test_votes_are_a_filter_of_their_own(tmp_path: Path) -> None:
    found, tree, rows = written(tmp_path, split, samples=4, temperature=0.7)
    figures, vote = tree["results"]["gsm8k"], found.grading.vote
    assert vote is not None and vote.ties > 0, "no vote was tied, which is half of what is tested"
    assert figures["exact_match,declared"] == pytest.approx(found.grading.accuracy.mean)
    assert figures["exact_match,maj@4"] == pytest.approx(vote.accuracy.mean)
    assert [row["filter"] for row in rows] == ["declared"] * 6 + ["maj@4"] * 6
    assert all(len(row["resps"][0]) == 4 for row in rows)
    assert all(len(row["filtered_resps"][0]) == 4 for row in rows[:6])
    tied = [row for row in rows[6:] if len(row["filtered_resps"][0]) == 2]
    assert {row["exact_match"] for row in tied} == {0.5}
    names = tree["configs"]["gsm8k"]["filter_list"]
    assert names == [{"name": "declared"}, {"name": "maj@4"}]


def test_what_an_early_decision_left_is_told_as_a_vote_alone(tmp_path: Path) -> None:
    found, tree, rows = written(tmp_path, split, samples=5, temperature=0.7, early=True)
    assert found.grading.vote is not None
    assert {row["filter"] for row in rows} == {"maj@5"}
    figures = tree["results"]["gsm8k"]
    assert "exact_match,declared" not in figures
    assert figures["exact_match,maj@5"] == pytest.approx(found.grading.vote.accuracy.mean)


def test_each_evaluation_leaves_files_of_its_own(tmp_path: Path) -> None:
    config = Options(limit=2)
    with completing(mixed) as there:
        for _ in range(2):
            evaluate(maths("gsm8k", config, PROBLEMS), served(there.url), tmp_path)
    assert len(list(tmp_path.glob("results_*.json"))) == 2
    assert len(list(tmp_path.glob("samples_*.jsonl"))) == 2


READ = """
import json, sys
from pathlib import Path
from lm_eval import utils
out = Path(sys.argv[1])
names = [path.as_posix() for path in out.iterdir()]
results = utils.get_latest_filename(utils.get_results_filenames(names))
samples = utils.get_latest_filename(utils.get_sample_results_filenames(names))
assert utils.get_file_task_name(Path(samples).name) == "gsm8k", samples
tree = json.load(open(results, encoding="utf-8"))
from lm_eval.result_schema import EvalResults, SampleResult, _EvalConfig
assert not tree.keys() - EvalResults.__annotations__.keys(), tree.keys()
assert not tree["config"].keys() - _EvalConfig.__annotations__.keys(), tree["config"]
for line in open(samples, encoding="utf-8"):
    row = json.loads(line)
    assert row.keys() - {"exact_match"} == SampleResult.__annotations__.keys(), row.keys()
    assert utils.hash_string(row["arguments"]["gen_args_0"]["arg_0"]) == row["prompt_hash"]
print(utils.make_table(tree))
"""


def test_the_harness_prints_our_accuracy(tmp_path: Path) -> None:
    """With lm_eval here, or in the environment whose Python KAMERTON_LMEVAL_PYTHON names."""
    python = os.environ.get("KAMERTON_LMEVAL_PYTHON", sys.executable)
    program = [python, "-c", "import lm_eval.result_schema"]
    if subprocess.run(program, capture_output=True, check=False).returncode:
        pytest.skip("lm_eval 0.4.13 is not installed, nor named by KAMERTON_LMEVAL_PYTHON")
    found, _, _ = written(tmp_path, split, samples=4, temperature=0.7)
    program = [python, "-c", READ, str(tmp_path)]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    cells = [[cell.strip() for cell in line.split("|")] for line in done.stdout.splitlines()]
    assert found.grading.vote is not None
    for name, value in (
        ("declared", found.grading.accuracy.mean),
        ("maj@4", found.grading.vote.accuracy.mean),
    ):
        (row,) = [cell for cell in cells if name in cell]
        assert {"8", "exact_match", "↑", f"{value:.4f}"} <= set(row)
