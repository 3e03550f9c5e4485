"""lm-evaluation-harness with its Hugging Face backend: `python lm_eval_gsm8k.py WORK OUT BATCH`.

WORK is the work.json of ../evaluation.py: prompts, stop texts and limits as ours has them, given to
lm-eval as a task of its own, written here at run time. BATCH is a number, or `auto`. OUT gets the
texts of every question, processor seconds of the evaluation without loading, and peak memory.
Nothing of Kamerton is imported here.
"""

import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any


def task(work: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The task as lm-eval's YAML would say it; its prompts lie in a file in `folder`."""
    rows = folder / "prompts.jsonl"
    lines = [
        json.dumps({"prompt": p, "target": "-", "place": i}) for i, p in enumerate(prompts(work))
    ]
    rows.write_text("\n".join(lines) + "\n")
    sampled = {"do_sample": True, "temperature": work["temperature"], "top_p": 1.0, "top_k": 0}
    how = sampled if work["temperature"] else {"do_sample": False}
    return {
        "task": "gsm8k_of_ours",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(rows)}},
        "test_split": "test",
        "output_type": "generate_until",
        "doc_to_text": "{{prompt}}",
        "doc_to_target": "{{target}}",
        "target_delimiter": "",
        "num_fewshot": 0,
        "repeats": work["samples"],
        "generation_kwargs": {"until": work["stops"], "max_gen_toks": work["max_tokens"], **how},
        "metric_list": [{"metric": "exact_match"}],
        "metadata": {"version": 1},
    }


def prompts(work: dict[str, Any]) -> list[str]:
    return [str(row["prompt"]) for row in work["questions"]]


def counted(model: Any, work: dict[str, Any]) -> list[list[int]]:
    """The token ids that lm-eval gives to the model, to be compared with ours."""
    return [list(map(int, model.tok_encode(prompt))) for prompt in prompts(work)]


def main() -> None:
    """Evaluate, and write texts and cost."""
    import torch
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    work, out = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    torch.set_num_threads(work["threads"])
    batch = sys.argv[3] if sys.argv[3] == "auto" else int(sys.argv[3])
    model = HFLM(
        pretrained=work["base"], dtype="float32", device="cpu", batch_size=batch, max_batch_size=64
    )
    # Reads some 14,000 files of tasks; no part of the evaluation.
    known = TaskManager()
    with tempfile.TemporaryDirectory() as temporary:
        said = task(work, Path(temporary))
        wall, spent = time.perf_counter(), time.process_time()
        found = simple_evaluate(
            model,
            tasks=[said],
            task_manager=known,
            log_samples=True,
            bootstrap_iters=0,
            random_seed=work["seed"],
            torch_random_seed=work["seed"],
        )
        spent, wall = time.process_time() - spent, time.perf_counter() - wall
    rows = sorted(found["samples"]["gsm8k_of_ours"], key=lambda row: row["doc"]["place"])
    result = {
        "texts": [row["resps"][0] for row in rows],
        "ids": counted(model, work),
        "cpu_seconds": spent,
        "seconds": wall,
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    out.write_text(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
