"""Kamerton in the evaluation benchmark: `python evaluation_ours.py WORK OUT SLOTS`.

The batched engine in its own process and the asking over HTTP, as `kamerton eval` has them; the
processor seconds of both are counted.
"""

import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from kamerton.client.connection import Endpoint, first_model
from kamerton.client.ledger import Ledger
from kamerton.engines.batched.engine import BatchedSettings, running
from kamerton.experiment.ask.asking import REPLIES, Prompt, Reply, SamplingParams, ask_all


def spent(pid: int) -> float:
    """Processor seconds of this process and of the engine's (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return time.process_time() + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak(pid: int) -> int:
    """The engine's and our own most memory, in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    engine = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    return round((engine + resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) / 1024)


def sampling(work: dict[str, Any]) -> SamplingParams:
    return SamplingParams(
        work["samples"],
        work["temperature"],
        work["max_tokens"],
        tuple(work["stops"]),
        work["seed"],
    )


def main() -> None:
    """Ask everything with nothing cached, and write texts and cost."""
    work, out = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    settings = BatchedSettings(work["base"], "m", slots=int(sys.argv[3]), threads=work["threads"])
    prompts = [Prompt(row["id"], row["prompt"]) for row in work["questions"]]
    with running(settings) as engine, tempfile.TemporaryDirectory() as folder:
        at = Endpoint(f"{engine.address}/v1", engine.api_key, timeout=None, concurrency=256)
        model = first_model(at)
        wall, before = time.perf_counter(), spent(engine.pid)
        ledger = Ledger(Path(folder) / REPLIES, Reply, "key")
        asked = ask_all(model, prompts, sampling(work), ledger, lambda reply: False)
        result: dict[str, Any] = {
            "cpu_seconds": spent(engine.pid) - before,
            "seconds": time.perf_counter() - wall,
            "peak_mib": peak(engine.pid),
        }
    result["texts"] = [[reply.text for reply in asked.replies[one.id]] for one in prompts]
    result["prompt_tokens"] = [asked.replies[one.id][0].prompt_tokens for one in prompts]
    out.write_text(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
