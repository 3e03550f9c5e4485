"""The data platform against its best peer, in one run: `make bench-data`.

On the Russian novels (KAMERTON_TEST_DATA/ru_novels): every paragraph of eight words and more is a
row; exact and near duplicates at a similarity of 0.8 are found by both, each as one process on one
core, in turn. Told are the median seconds, their ratio, and how far the results agree. Beside it
the whole corpus recipe with one worker, tokenizer included, and how memory grows with the corpus.

The peer runs in an environment of its own: KAMERTON_PEER_PYTHON names its Python (`make bench-data`
makes one). KAMERTON_BENCH_ONLY names parts (near, whole, memory) to be measured anew; others stay.
"""

import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
RESULT = HERE / "results" / "data.json"
ONLY = os.environ.get("KAMERTON_BENCH_ONLY", "near,whole,memory").split(",")
RUNS = int(os.environ.get("KAMERTON_BENCH_RUNS", "3"))
ONE_CORE = {"OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
DOUBLINGS = 4


def seconds(command: list[str]) -> tuple[float, float]:
    """Processor seconds and peak memory in MiB of one whole process with its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    script = "import resource,subprocess,sys;c=subprocess.run(sys.argv[1:]).returncode;"
    script += "u=resource.getrusage(resource.RUSAGE_CHILDREN);"
    script += "print(u.ru_utime+u.ru_stime,u.ru_maxrss/1024);sys.exit(c)"
    done = subprocess.run(
        [sys.executable, "-c", script, *command],
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | ONE_CORE,
        text=True,
    )
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime >= before.ru_utime
    spent, peak = done.stdout.splitlines()[-1].split()
    return float(spent), float(peak)


def paragraphs(novels: Path, out: Path) -> int:
    """Write paragraphs.jsonl; gives the number of rows."""
    rows = 0
    with (out / "paragraphs.jsonl").open("w", encoding="utf-8") as stream:
        for file in sorted(novels.glob("*.txt")):
            for number, line in enumerate(file.read_text("utf-8").splitlines()):
                if len(line.split()) >= 8:
                    row = {"id": f"{file.name}:{number}", "text": line.strip()}
                    stream.write(json.dumps(row, ensure_ascii=False) + "\n")
                    rows += 1
    return rows


def near(folder: Path) -> dict[str, object]:
    """Ours and the peer in turn on the same rows."""
    ours = [sys.executable, str(HERE / "near.py"), str(folder), str(folder / "ours")]
    python = os.environ["KAMERTON_PEER_PYTHON"]
    peer = [python, str(HERE / "peers" / "datatrove_near.py"), str(folder), str(folder / "peer")]
    pairs = [(seconds(ours), seconds(peer)) for _ in range(RUNS)]
    sets = [set((folder / n / "dropped.txt").read_text().split("\n")) for n in ("ours", "peer")]
    return {
        "kamerton_cpu_seconds": round(statistics.median(a[0] for a, _ in pairs), 1),
        "datatrove_cpu_seconds": round(statistics.median(b[0] for _, b in pairs), 1),
        "ratio_to_best_peer": round(statistics.median(b[0] / a[0] for a, b in pairs), 2),
        "kamerton_peak_mib": round(statistics.median(a[1] for a, _ in pairs)),
        "datatrove_peak_mib": round(statistics.median(b[1] for _, b in pairs)),
        "dropped_by_kamerton": len(sets[0]),
        "dropped_by_datatrove": len(sets[1]),
        "dropped_by_both": len(sets[0] & sets[1]),
        "runs": RUNS,
    }


def whole(novels: Path, out: Path) -> dict[str, object]:
    """The corpus recipe's data stage with one worker: wall seconds and peak memory."""
    command = [str(Path(sys.executable).parent / "kamerton"), "run", "novels", "--only", "data"]
    command += ["--set", f"data.source={novels}", "--set", "data.workers=1", "--fresh"]
    cwd = Path.cwd()
    os.chdir(out)
    start = time.perf_counter()
    spent, peak = seconds(command)
    wall = time.perf_counter() - start
    os.chdir(cwd)
    figures = {"cpu_seconds": round(spent, 1), "wall_seconds": round(wall, 1)}
    return {**figures, "peak_mib": round(peak)}


def memory(novels: Path, out: Path) -> list[dict[str, object]]:
    """Peak memory of the comparison when the corpus is doubled again and again.

    Each copy is perturbed (one word in five replaced), so that it is distinct text.
    """
    curve = []
    rng = random.Random(7)
    texts = [p.read_text("utf-8") for p in sorted(novels.glob("*.txt"))[:10]]
    folder = out / "growing"
    folder.mkdir()
    written = 0
    for doubling in range(DOUBLINGS + 1):
        while written < 2**doubling:
            for number, text in enumerate(texts):
                words = [w if rng.random() > 0.2 else w[::-1] for w in text.split(" ")]
                (folder / f"{written}-{number}.txt").write_text(" ".join(words), "utf-8")
            written += 1
        script = HERE / "growth.py"
        spent, peak = seconds([sys.executable, str(script), str(folder), str(out / "work")])
        size = sum(p.stat().st_size for p in folder.glob("*.txt"))
        count = int((out / "work" / "paragraphs.txt").read_text())
        point = {"mib": round(size / 2**20, 1), "paragraphs": count, "peak_mib": round(peak)}
        curve.append({**point, "cpu_seconds": round(spent, 1)})
    return curve


def main() -> None:
    """Measure, print, keep."""
    novels = Path(os.environ["KAMERTON_TEST_DATA"]).resolve() / "ru_novels"
    with tempfile.TemporaryDirectory() as temporary:
        out = Path(temporary)
        result: dict[str, object] = json.loads(RESULT.read_text()) if RESULT.is_file() else {}
        if "near" in ONLY:
            result |= {"paragraphs": paragraphs(novels, out)} | near(out)
        if "whole" in ONLY:
            result["whole_corpus_one_worker"] = whole(novels, out)
        if "memory" in ONLY:
            result["memory"] = memory(novels, out)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
