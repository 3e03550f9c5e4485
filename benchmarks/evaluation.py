"""GSM8K with worked examples, on a CPU, against two peers: `make bench-evaluation`.

SmolLM2-135M in float32, one thread; the same prompts, stop texts and limits for all, the token
ids compared. Greedy, and with 8 samples at temperature 0.7. Contenders are processes, in the order
ours, theirs, ours; nothing is cached. Told are questions per processor second of asking
(loading apart, and in the whole process), the share of identical greedy texts, accuracy with its
interval, and peak memory. Each peer runs at several batch sizes, and the best of all counts; with 8
samples only the one that was best for greedy answers runs: that takes a quarter of an hour.

Environment: KAMERTON_TEST_DATA (gsm8k/test.jsonl), KAMERTON_LMEVAL_PYTHON and
KAMERTON_LIGHTEVAL_PYTHON (Python of an environment with lm_eval, with lighteval; a peer that is not
named is left out), KAMERTON_BENCH_QUESTIONS (20), KAMERTON_BENCH_SAMPLED (questions with 8 samples,
20), KAMERTON_BENCH_BATCHES (8,20), KAMERTON_BENCH_RUNS (rounds, 1), KAMERTON_BENCH_ONLY (greedy,
samples_8).
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from kamerton.develop import hub
from kamerton.experiment.tasks.gsm8k import prompt, shots, stops
from kamerton.experiment.tasks.maths.grading import AnswerRow, grade
from kamerton.experiment.tasks.maths.problems import Problems, read_problems

HERE = Path(__file__).parent
RESULT = HERE / "results" / "evaluation.json"
QUESTIONS = int(os.environ.get("KAMERTON_BENCH_QUESTIONS", "20"))
SAMPLED = int(os.environ.get("KAMERTON_BENCH_SAMPLED", "20"))
BATCHES = os.environ.get("KAMERTON_BENCH_BATCHES", "8,20").split(",")
ROUNDS = int(os.environ.get("KAMERTON_BENCH_RUNS", "1"))
SAMPLES, TEMPERATURE, MOST, SLOTS = 8, 0.7, 256, 32
PEERS = {
    "lm_eval": ("KAMERTON_LMEVAL_PYTHON", "peers/lm_eval_gsm8k.py"),
    "lighteval": ("KAMERTON_LIGHTEVAL_PYTHON", "peers/lighteval_gsm8k.py"),
}
SETS = {"greedy": (QUESTIONS, 1, 0.0), "samples_8": (SAMPLED, SAMPLES, TEMPERATURE)}


def problems(count: int) -> list[Any]:
    return read_problems(Path(os.environ["KAMERTON_TEST_DATA"]) / "gsm8k" / "test.jsonl")[:count]


def work(count: int, samples: int, temperature: float) -> dict[str, Any]:
    """What both are asked."""
    rows = [{"id": one.id, "prompt": prompt(one.question)} for one in problems(count)]
    return {
        "base": hub.folder(hub.EMBEDDED),
        "questions": rows,
        # The longer one first: lm-eval cuts by one after the other, ours at the first that comes.
        "stops": sorted(stops(), key=len, reverse=True),
        "max_tokens": MOST,
        "samples": samples,
        "temperature": temperature,
        "seed": 0,
        "threads": 1,
    }


def process(command: list[str]) -> dict[str, Any]:
    """One contender; its own figures and the processor seconds of its whole process."""
    out = Path(tempfile.mkdtemp()) / "out.json"
    whole = [out if part == "OUT" else part for part in command]
    given = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    before = os.times()
    done = subprocess.run(whole, cwd=HERE, env=given, capture_output=True, check=False)
    after = os.times()
    if done.returncode:
        raise SystemExit(f"{command}\n{done.stderr[-3000:].decode(errors='replace')}")
    spent = after.children_user + after.children_system
    spent -= before.children_user + before.children_system
    return dict(json.loads(out.read_text())) | {"whole_cpu_seconds": spent}


def ours(path: Path) -> list[str]:
    return [sys.executable, "evaluation_ours.py", str(path), "OUT", str(SLOTS)]


def theirs(path: Path, contender: str) -> list[str]:
    peer, _, batch = contender.partition(" batch ")
    variable, script = PEERS[peer]
    return [os.environ[variable], script, str(path), "OUT", batch]


def contenders() -> list[str]:
    """Every peer that is there, at every batch size."""
    there = [peer for peer, (variable, _) in PEERS.items() if os.environ.get(variable)]
    if not there:
        raise SystemExit(f"name one of {', '.join(v for v, _ in PEERS.values())}")
    return [f"{peer} batch {batch}" for peer in there for batch in BATCHES]


def measured(runs: list[dict[str, Any]], count: int) -> dict[str, Any]:
    """The figures of one contender over its runs."""
    rates = sorted(count / run["cpu_seconds"] for run in runs)
    return {
        "questions_per_cpu_second": round(statistics.median(rates), 4),
        "range": [round(rates[0], 4), round(rates[-1], 4)],
        "cpu_seconds": [round(run["cpu_seconds"], 1) for run in runs],
        "whole_process_cpu_seconds": [round(run["whole_cpu_seconds"], 1) for run in runs],
        "seconds": [round(run["seconds"], 1) for run in runs],
        "peak_mib": max(run["peak_mib"] for run in runs),
    }


def accuracy(texts: list[list[str]], count: int) -> dict[str, Any]:
    """Both sides' answers, graded by the same rules."""
    asked = problems(count)
    rows = [
        AnswerRow(id=one.id, answers=answers) for one, answers in zip(asked, texts, strict=True)
    ]
    found, _ = grade("gsm8k", rows, Problems(asked), [one.text for one in shots()], 1.0)
    return {"one_answer": found.accuracy.model_dump()} | (
        {"vote": found.vote.accuracy.model_dump()} if found.vote else {}
    )


def compare(name: str, folder: Path, peers: list[str]) -> dict[str, Any]:
    count, samples, temperature = SETS[name]
    path = folder / f"{name}.json"
    path.write_text(json.dumps(work(count, samples, temperature)))
    own, other = [], {peer: [] for peer in peers}
    for _ in range(ROUNDS):
        own.append(run(name, "kamerton", ours(path)))
        for peer in peers:
            other[peer].append(run(name, peer, theirs(path, peer)))
        own.append(run(name, "kamerton", ours(path)))
    table = {peer: measured(runs, count) for peer, runs in other.items()}
    best = max(table, key=lambda peer: table[peer]["questions_per_cpu_second"])
    mine, ids = measured(own, count), token_ids(path, own[0])
    rate = table[best]["questions_per_cpu_second"]
    told = {peer: agreement(runs[0], own[0], ids, temperature) for peer, runs in other.items()}
    return {
        "questions": count,
        "samples": samples,
        "ratio_to_best_peer": round(mine["questions_per_cpu_second"] / rate, 2),
        "best_peer": best,
        "kamerton": mine | accuracy(own[0]["texts"], count),
        "peers": {
            peer: table[peer] | told[peer] | accuracy(other[peer][0]["texts"], count)
            for peer in peers
        },
    }


def agreement(
    theirs: dict[str, Any], own: dict[str, Any], ids: list[list[int]], temperature: float
) -> dict[str, Any]:
    """Whether a peer was asked the same, and how often it answered the same where it must."""
    same_ids = {"same_token_ids": ids == theirs["ids"]}
    return same_ids | (same(own, theirs) if not temperature else {})


def token_ids(path: Path, own: dict[str, Any]) -> list[list[int]]:
    """What our engine's tokenizer makes of the prompts; as many as the engine said it read."""
    from transformers import AutoTokenizer

    asked = json.loads(path.read_text())
    tokenizer = AutoTokenizer.from_pretrained(asked["base"])
    found = [tokenizer(row["prompt"]).input_ids for row in asked["questions"]]
    assert own["prompt_tokens"] == [len(ids) for ids in found]
    return found


def same(one: dict[str, Any], other: dict[str, Any]) -> dict[str, float]:
    """The share of greedy texts that are equal, blanks at their ends apart."""
    pairs = [
        (a[0].strip(), b[0].strip()) for a, b in zip(one["texts"], other["texts"], strict=True)
    ]
    return {"identical_texts": sum(a == b for a, b in pairs) / len(pairs)}


def run(*what: Any) -> dict[str, Any]:
    print(time.strftime("%H:%M:%S"), *what[:-1], file=sys.stderr, flush=True)
    return process(what[-1])


def machine() -> dict[str, Any]:
    import torch

    lines = Path("/proc/cpuinfo").read_text().splitlines()
    name = next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), "")
    return {
        "processor": name,
        "capability": torch.backends.cpu.get_cpu_capability(),
        "load_average_at_start": round(os.getloadavg()[0], 2),
        "torch": torch.__version__,
    }


def main() -> None:
    """Measure, print, keep."""
    only = os.environ.get("KAMERTON_BENCH_ONLY", ",".join(SETS)).split(",")
    known = json.loads(RESULT.read_text()) if RESULT.is_file() else {}
    result = known | {"machine": machine(), "model": "SmolLM2-135M-Instruct, float32, one thread"}
    with tempfile.TemporaryDirectory() as temporary:
        for name in (name for name in SETS if name in only):
            best = result.get("greedy", {}).get("best_peer")
            peers = [best] if best and SETS[name][2] else contenders()
            result[name] = compare(name, Path(temporary), peers)
            RESULT.parent.mkdir(exist_ok=True)
            RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
