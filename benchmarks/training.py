"""Tuning on a CPU against its peers, in one run: `make bench-training`.

SmolLM2-135M with LoRA on all linear layers, on two kinds of rows: the museum recipe's, and those of
scitldr (KAMERTON_TEST_DATA). Every contender is a process of its own with the same weights, rows,
batches, optimiser and schedule; contenders run in turn, ours first and last. Told are supervised
tokens per second (on a busy machine judge by processor seconds: both are there, and how busy others
kept it), losses, held-out loss, peak memory; what each lever brings; growth with length and with
parameters.

Environment: KAMERTON_BENCH_STEPS (timed steps, 5), KAMERTON_BENCH_ONLY (parts, with commas:
museum, scitldr, waiting, levers, growth), KAMERTON_FACTORY_PYTHON (Python of an environment with
LLaMA-Factory; left out where it is not said).
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import training_levers
import training_work

from kamerton.develop.training.threads import machine_seconds

EMPTY: Mapping[str, str] = MappingProxyType({})
HERE = Path(__file__).parent
RESULT = HERE / "results" / "training.json"
STEPS = int(os.environ.get("KAMERTON_BENCH_STEPS", "5"))
ONLY = os.environ.get("KAMERTON_BENCH_ONLY", "museum,scitldr,waiting,levers,growth").split(",")
TRIAL_STEPS, BUSY, LOOK = 1, 0.15, 3.0
"""Steps that find a peer's best batch; cores that others may use before seconds mean nothing; and
seconds in which that is seen."""
WAITS = {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"}
GIVEN = {name: value for name, value in os.environ.items() if name not in WAITS}
"""Before anything of ours has set something in it."""
PARTS = (1, 4)
"""Into how many parts a tuned peer may cut its batches."""
LENGTHS, SIZES = (128, 512, 2048), ("192x6", "384x12", "768x30")
WAITING = {
    "asleep": {"OMP_WAIT_POLICY": "passive"},
    "watched": {},
    "spinning": {"GOMP_SPINCOUNT": "100000"},
}
"""How threads of ours wait: always asleep, as they do by themselves, always spinning."""
TRL, PLAIN = ["peers/trl_sft.py"], ["peers/plain_trainer.py"]


def contenders(parts: int) -> dict[str, list[str]]:
    """Name to command after WORK and OUT; tuned peers cut each batch into so many parts."""
    found = {
        "trl_defaults": [*TRL, "defaults"],
        "trl_float32": [*TRL, f"float32:{parts}"],
        "trl_bfloat16": [*TRL, f"bfloat16:{parts}"],
        "plain_trainer": [*PLAIN, str(parts)],
    }
    if "KAMERTON_FACTORY_PYTHON" in os.environ:
        found["llama_factory"] = ["peers/llama_factory.py", str(parts)]
    return found


@cache
def busy() -> bool:
    """Whether others work on this machine; looked at once, before anything of ours does."""
    before = machine_seconds()
    time.sleep(LOOK)
    return (machine_seconds() - before) / LOOK > BUSY


def environment() -> dict[str, str]:
    """What every contender is given: nothing of how threads wait, each has its own way.

    On a busy machine threads that spin while they wait would be stopped by others' work, and their
    spinning counted as work (docs/decisions/0001): there all contenders' threads sleep.
    """
    waiting = {"OMP_WAIT_POLICY": "passive"} if busy() else {}
    return GIVEN | waiting | {"TRL_EXPERIMENTAL_SILENCE": "1", "HF_HUB_OFFLINE": "1"}


def process(
    command: list[str], work: Path, out: Path, said: Mapping[str, str] = EMPTY
) -> dict[str, Any]:
    """One contender; its own figures, and what it took from outside. `said`: to its environment."""
    script, *mode = command
    factory = "factory" in script
    python = os.environ["KAMERTON_FACTORY_PYTHON"] if factory else sys.executable
    whole = [python, str(HERE / script), str(work), str(out), *mode]
    wall, machine = time.perf_counter(), machine_seconds()
    peak, spent = watched(whole, said)
    wall, machine = time.perf_counter() - wall, machine_seconds() - machine
    found = json.loads((out / "figures.json").read_text())
    steps = found.pop("steps")[training_work.WARM :]
    return found | {
        "mode": " ".join(mode),
        "step_seconds": [round(step[0], 3) for step in steps],
        "seconds": sum(step[0] for step in steps),
        "cpu_seconds": sum(step[1] for step in steps),
        "whole_process": {
            "seconds": round(wall, 1),
            "cpu_seconds": round(spent, 1),
            "peak_mib": peak,
        },
        "cores_used_by_others": round(max(0.0, machine - spent) / wall, 2),
    }


def watched(command: list[str], said: Mapping[str, str] = EMPTY) -> tuple[int, float]:
    """Peak memory in MiB and processor seconds of one process, as the system counts them."""
    with tempfile.TemporaryFile() as log:
        given = environment() | dict(said)
        child = subprocess.Popen(command, stdout=log, stderr=log, cwd=HERE, env=given)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            log.seek(0)
            raise SystemExit(f"{command}\n{log.read()[-3000:].decode(errors='replace')}")
    return round(used.ru_maxrss / 1024), used.ru_utime + used.ru_stime


def unit() -> str:
    """What is compared: seconds, or processor seconds on a busy machine."""
    return "cpu_seconds" if busy() else "seconds"


def best_parts(trial: Path, out: Path) -> int:
    """Into how many parts a tuned peer best cuts its batches, by a short trial of trl's."""
    cost = {n: process([*TRL, f"float32:{n}"], trial, out / str(n))[unit()] for n in PARTS}
    return min(cost, key=lambda n: cost[n])


def compare(kind: str, folder: Path) -> dict[str, Any]:
    """All contenders on one kind of rows."""
    data = Path(os.environ["KAMERTON_TEST_DATA"]).resolve()
    work = training_work.prepare(kind, data, folder / "work", STEPS)
    training_work.prepare(kind, data, folder / "trial", TRIAL_STEPS)
    say(kind, "parts")
    parts = best_parts(folder / "trial", folder / "parts")
    say(kind, "kamerton")
    first = process(["training_ours.py"], folder / "work", folder / "kamerton")
    found = {}
    for name, command in contenders(parts).items():
        say(kind, name)
        found[name] = process(command, folder / "work", folder / name)
        found[name]["held_out_loss"] = held_out(work, folder / name)
    say(kind, "kamerton again")
    again = process(["training_ours.py"], folder / "work", folder / "again")
    if again["losses"] != first["losses"]:
        raise SystemExit("two runs of ours did not give the same losses")
    again["held_out_loss"] = held_out(work, folder / "again")
    return summary(work, {"kamerton": again | {"first_run": first}} | found)


def held_out(work: dict[str, Any], out: Path) -> float:
    return round(training_work.held_out_loss(work, out / "adapter"), 6)


def summary(work: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """Rates, ratios and differences of one kind of rows."""
    size = training_work.timed(work)
    ours = found["kamerton"]
    for one in found.values():
        one["supervised_tokens_per_second"] = round(size["supervised_tokens"] / one["seconds"], 1)
        one["cpu_ms_per_supervised_token"] = round(
            1000 * one["cpu_seconds"] / size["supervised_tokens"], 2
        )
    # The first and the last run of ours, together: what the machine did in between weighs on both.
    both = [ours, ours["first_run"]]
    by = unit()
    cost = sum(one[by] for one in both) / 2
    ratios = {name: round(one[by] / cost, 2) for name, one in found.items() if name != "kamerton"}
    tuned = {name: value for name, value in ratios.items() if name != "trl_defaults"}
    exact = {name: value for name, value in tuned.items() if name != "trl_bfloat16"}
    theirs = found["trl_defaults"]["held_out_loss"]
    return {
        **size,
        "rows_a_step": work["batch_size"],
        "judged_by": by,
        "ratio_to_best_tuned_peer": min(exact.values()),
        "ratio_to_best_tuned_peer_bfloat16_too": min(tuned.values()),
        "ratio_to_trl_defaults": ratios["trl_defaults"],
        "ratios": ratios,
        "held_out_loss_over_trl_defaults": round(ours["held_out_loss"] / theirs - 1, 5),
        "largest_loss_difference": {
            name: max(abs(a - b) for a, b in zip(ours["losses"], one["losses"], strict=True))
            for name, one in found.items()
        },
        "contenders": found,
    }


def waiting(folder: Path) -> dict[str, Any]:
    """Steps of ours by how threads wait, alone and beside one busy program; the same losses."""
    if busy():
        raise SystemExit("others work on this machine: how threads wait alone cannot be seen now")
    data = Path(os.environ["KAMERTON_TEST_DATA"]).resolve()
    training_work.prepare("museum", data, folder / "work", STEPS)
    found: dict[str, Any] = {"alone": {}, "beside_one": {}}
    for where, beside in (("alone", nullcontext()), ("beside_one", one_busy())):
        with beside:
            for name, said in WAITING.items():
                say("waiting", where, name)
                out = folder / f"{where}-{name}"
                found[where][name] = process(["training_ours.py"], folder / "work", out, said)
    losses = {tuple(one["losses"]) for of in found.values() for one in of.values()}
    if len(losses) > 1:
        raise SystemExit("how threads wait changed the losses")
    return found


@contextmanager
def one_busy() -> Iterator[None]:
    """A program that takes all of a core."""
    child = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        child.kill()
        child.wait()


def levers(folder: Path) -> dict[str, Any]:
    """The table of levers on the museum's rows."""
    data = Path(os.environ["KAMERTON_TEST_DATA"]).resolve()
    training_work.prepare("museum", data, folder / "work", TRIAL_STEPS)
    found, machine, wall = {}, machine_seconds(), time.perf_counter()
    _, spent = watched(
        [
            sys.executable,
            str(HERE / "training_levers.py"),
            str(folder / "work"),
            str(folder / "out"),
        ]
    )
    others = max(0.0, machine_seconds() - machine - spent) / (time.perf_counter() - wall)
    table = json.loads((folder / "out" / "levers.json").read_text())
    found["judged_by"] = unit()
    found["table"] = training_levers.shares(table, busy())
    return found | {"cores_used_by_others": round(others, 2)}


def growth(folder: Path) -> dict[str, list[Any]]:
    """Rates against length, and against parameters, of ours and of plain training."""
    points = {
        "length": [(n, "embedded") for n in LENGTHS],
        "parameters": [(512, size) for size in SIZES],
    }
    return {name: [_point(folder, *at) for at in places] for name, places in points.items()}


def _point(folder: Path, length: int, size: str) -> dict[str, Any]:
    found = {}
    for who in ("ours", "plain"):
        say("growth", f"{length} {size} {who}")
        out = folder / f"{length}-{size}-{who}.json"
        watched(
            [sys.executable, str(HERE / "training_growth.py"), str(out), str(length), size, who]
        )
        found[who] = json.loads(out.read_text())
    ratio = found["plain"]["cpu_ms_per_token"] / found["ours"]["cpu_ms_per_token"]
    return found | {"cpu_ratio": round(ratio, 2)}


def say(*words: str) -> None:
    print(time.strftime("%H:%M:%S"), *words, file=sys.stderr, flush=True)


def machine() -> dict[str, Any]:
    import torch

    lines = Path("/proc/cpuinfo").read_text().splitlines()
    name = next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), "")
    return {
        "processor": name or platform.processor(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "cores": os.cpu_count(),
        "load_average_at_start": round(os.getloadavg()[0], 2),
        "torch": torch.__version__,
    }


def main() -> None:
    """Measure, print, keep; parts that are not measured now stay as they were."""
    known = json.loads(RESULT.read_text()) if RESULT.is_file() else {}
    result = known | {"machine": machine() | {"busy": busy()}, "steps": STEPS}
    with tempfile.TemporaryDirectory() as temporary:
        for kind in (name for name in training_work.KINDS if name in ONLY):
            result[kind] = compare(kind, Path(temporary) / kind)
        for name, part in (("waiting", waiting), ("levers", levers), ("growth", growth)):
            if name in ONLY:
                say(name)
                (Path(temporary) / name).mkdir()
                result[name] = part(Path(temporary) / name)
    kinds = [result[kind] for kind in training_work.KINDS if kind in result]
    for name in ("ratio_to_best_tuned_peer", "ratio_to_trl_defaults"):
        result[name] = min((kind[name] for kind in kinds), default=None)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
