"""lighteval with its transformers backend: `python lighteval_gsm8k.py WORK OUT BATCH`.

WORK, OUT and BATCH are those of lm_eval_gsm8k.py, but for BATCH `auto`, which would start at 512.
The questions go through lighteval's own Pipeline, as a custom task made here at run time over a
folder with one JSON file. Timed is `Pipeline.evaluate()`, after the model and the data set are
loaded. Nothing of Kamerton is imported here.

Where lighteval 0.13 would not do what WORK says, or not in its best way:

- Every Pipeline imports all of its tasks; one of them then downloads a pickle, one asks the hub
  with an argument that today's huggingface_hub refuses. Its registry is told ours only.
- It hashes texts as xxhash below 4 allowed; the one it finds here gets them as bytes.
- It never asks transformers to sample: with a temperature, one answer is greedy and several are an
  error. The model is therefore loaded with a generation configuration that says so.
- Its several answers to a question end together with the first of them, so that the others are cut
  short. Every sample is therefore a row of its own, as lm-eval has it; both read the prompt anew.
- Its limit on new tokens, given with the model, also cuts the prompt: the task has it instead.
- Its cache of answers lies in the model's folder if that is an absolute path; a link in a temporary
  folder stands for the model, and nothing is cached from run to run.
- Continuous batching does not know stop texts, and fails before it would ignore them.
"""

import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

NAME = "gsm8k_of_ours"


def prompts(work: dict[str, Any]) -> list[str]:
    """One per sample; those of a question follow each other."""
    return [str(row["prompt"]) for row in work["questions"] for _ in range(work["samples"])]


def lay_out(work: dict[str, Any], folder: Path) -> None:
    """The prompts as a data set, and the model under a relative name."""
    (folder / "data").mkdir()
    lines = [json.dumps({"prompt": prompt}) for prompt in prompts(work)]
    (folder / "data" / "test.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "model").symlink_to(Path(work["base"]).absolute())


def document(row: dict[str, Any], name: str) -> Any:
    from lighteval.tasks.requests import Doc

    return Doc(query=row["prompt"], choices=["-"], gold_index=0, task_name=name)


def task(work: dict[str, Any]) -> Any:
    from lighteval.metrics.metrics import Metrics
    from lighteval.tasks.lighteval_task import LightevalTaskConfig

    return LightevalTaskConfig(
        name=NAME,
        prompt_function=document,
        hf_repo="./data",
        hf_subset="default",
        hf_avail_splits=["test"],
        evaluation_splits=["test"],
        metrics=[Metrics.exact_match],
        generation_size=work["max_tokens"],
        stop_sequence=list(work["stops"]),
    )


def load(work: dict[str, Any], batch: int) -> Any:
    from lighteval.models.model_input import GenerationParameters
    from lighteval.models.transformers.transformers_model import (
        TransformersModel,
        TransformersModelConfig,
    )
    from transformers import GenerationConfig

    warm = work["temperature"]
    sampled = {"temperature": warm, "top_p": 1.0, "top_k": 0} if warm else {}
    config = TransformersModelConfig(
        model_name="model",
        dtype="float32",
        device="cpu",
        batch_size=batch,
        override_chat_template=False,
        cache_dir="cache",
        generation_parameters=GenerationParameters(**sampled),
        model_loading_kwargs={"generation_config": GenerationConfig(do_sample=True)}
        if warm
        else {},
    )
    return TransformersModel(config)


def pipeline(work: dict[str, Any], model: Any) -> Any:
    from lighteval.logging.evaluation_tracker import EvaluationTracker
    from lighteval.pipeline import ParallelismManager, Pipeline, PipelineParameters
    from lighteval.tasks.registry import Registry

    how = PipelineParameters(launcher_type=ParallelismManager.ACCELERATE, bootstrap_iters=0)
    tracker = EvaluationTracker(output_dir="results", save_details=False)
    with patch.object(Registry, "load_all_task_configs", lambda **_: {NAME: task(work)}):
        return Pipeline(f"{NAME}|0", how, tracker, model=model)


def hashed(text: str) -> Any:
    import xxhash

    return xxhash.xxh64(text.encode())


def evaluate(work: dict[str, Any], batch: int) -> dict[str, Any]:
    """Everything asked, in the current folder; texts, token ids and cost."""
    import torch
    from lighteval.logging import info_loggers

    torch.set_num_threads(work["threads"])
    vars(info_loggers)["xxhash"] = SimpleNamespace(xxh64=hashed)
    whole = pipeline(work, load(work, batch))
    torch.manual_seed(work["seed"])
    wall, spent = time.perf_counter(), time.process_time()
    whole.evaluate()
    spent, wall = time.process_time() - spent, time.perf_counter() - wall
    found = {int(one.doc.id): one.model_response for one in whole.get_details()[f"{NAME}|0"]}
    firsts = range(0, len(found), work["samples"])
    return {
        "texts": [[found[i + k].text[0] for k in range(work["samples"])] for i in firsts],
        "ids": [found[i].input_tokens[found[i].padded_tokens_count :] for i in firsts],
        "cpu_seconds": spent,
        "seconds": wall,
    }


def main() -> None:
    """Evaluate, and write texts and cost."""
    work, out = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]).absolute()
    with tempfile.TemporaryDirectory() as temporary:
        lay_out(work, Path(temporary))
        os.environ |= {"ACCELERATE_USE_CPU": "1", "HF_DATASETS_CACHE": f"{temporary}/datasets"}
        os.chdir(temporary)
        result = evaluate(work, int(sys.argv[3]))
        os.chdir("/")
    result["peak_mib"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    out.write_text(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
