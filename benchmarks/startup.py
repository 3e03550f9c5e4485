"""How long `kamerton --help` takes, as a ratio to a bare Python that imports pydantic and yaml.

Run by `make bench`. Goal: under 0.5 s on an idle machine; the ratio is what travels.
"""

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

RESULT = Path(__file__).parent / "results" / "startup.json"
RUNS = 9


def seconds(command: list[str]) -> float:
    """Wall seconds of one whole process."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    """Run both in turn, print and keep the medians."""
    ours = [sys.executable, "-m", "kamerton.cli.main", "--help"]
    bare = [sys.executable, "-c", "import pydantic, yaml, typer"]
    pairs = [(seconds(ours), seconds(bare)) for _ in range(RUNS + 1)][1:]
    result = {
        "help_seconds_median": round(statistics.median(a for a, _ in pairs), 3),
        "bare_seconds_median": round(statistics.median(b for _, b in pairs), 3),
        "ratio_median": round(statistics.median(a / b for a, b in pairs), 2),
        "runs": RUNS,
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
