"""Verdicts on models whose truth is planted: how often each is given, and what the design said.

The tuned model is the base with 0, 3 or 8 points added, or with just the gain that the design tells
as the smallest detectable one; four test sets; the code of the compare stage (the same as behind
`kamerton compare` and the report). The gate is asked about a loss as large as its margin, which it
must not let pass, and about no loss at all. How the answers are drawn: tests/planted_truth.py.
Prints a table and writes benchmarks/results/planted_truth.json: `python planted_truth.py [TRIALS]`,
1000 for each cell where no number is given, which takes one core about two minutes.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from kamerton.cli.words import table  # noqa: E402
from kamerton.formats.jsonl import write_text  # noqa: E402
from kamerton.formats.progress import progress  # noqa: E402
from planted_truth import (  # noqa: E402
    RULE,
    SETTINGS,
    TOLERANCE,
    Plan,
    gate_rates,
    luck,
    rates,
)

RESULTS = ROOT / "benchmarks" / "results" / "planted_truth.json"
TRIALS = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
"""Simulated comparisons for each cell."""
GAINS = (0.0, 0.03, 0.08)
PLANS = {
    "24 exhibits of 4": Plan(24, 4),
    "60 exhibits of 4": Plan(60, 4, discordance=0.2),
    "150 exhibits of 4": Plan(150, 4),
    "500 questions": Plan(500, 1, discordance=0.2),
}
VERDICTS = ("better", "worse", "equivalent", "not enough evidence")
Row = dict[str, Any]


def verdicts(name: str, plan: Plan, gain: float) -> Row:
    """One cell: the share of each verdict, and whether all stated rates hold."""
    found, power = rates(plan, gain, TRIALS, seed=1), plan.predicted(gain)
    alpha, half = SETTINGS.alpha, SETTINGS.alpha / 2
    shares = {verdict: found.share(verdict) for verdict in VERDICTS}
    if gain:
        holds = abs(shares["better"] - power) <= TOLERANCE + luck(power, TRIALS)
        holds = holds and shares["worse"] <= half + luck(half, TRIALS)
    else:
        holds = found.share("better", "worse") <= alpha + luck(alpha, TRIALS)
    if gain >= SETTINGS.margin:
        holds = holds and shares["equivalent"] <= half + luck(half, TRIALS)
    told = {"points": round(100 * gain, 2), "predicted_better": round(power, 4)}
    return {"test_set": name} | told | shares | {"holds": holds}


def gates(name: str, plan: Plan) -> Row:
    """How often the gate opens for a loss as large as its margin, and for none."""
    lost, same = (gate_rates(plan, gain, TRIALS, seed=2) for gain in (-SETTINGS.margin, 0.0))
    passed = lost.share("passed")
    holds = passed <= RULE.alpha + luck(RULE.alpha, TRIALS)
    opened = {"passed_at_margin": passed, "passed_at_0": same.share("passed")}
    return {"test_set": name} | opened | {"holds": holds}


def cells() -> Iterator[tuple[str, Plan, float]]:
    """Every test set with every gain, the smallest detectable one last."""
    for name, plan in PLANS.items():
        for gain in (*GAINS, plan.detectable()):
            yield name, plan, gain


def shown(rows: list[Row]) -> str:
    """Rows as a table, shares in per cent."""
    head = tuple(rows[0])
    return table([head, *(tuple(_cell(key, row[key]) for key in head) for row in rows)])


def _cell(key: str, value: object) -> str:
    if isinstance(value, float):
        return f"{value:.1f}" if key == "points" else f"{100 * value:.1f} %"
    return str(value)


def main() -> None:
    """Simulate, print, write; exit 1 where a stated rate does not hold."""
    every = list(cells())
    with progress("planted truth", len(every) + len(PLANS)) as bar:
        told, opened = [], []
        for cell in every:
            told.append(verdicts(*cell))
            bar.update(1)
        for name, plan in PLANS.items():
            opened.append(gates(name, plan))
            bar.update(1)
    stated = {
        "trials": TRIALS,
        "resamples": SETTINGS.resamples,
        "alpha": SETTINGS.alpha,
        "margin": SETTINGS.margin,
        "gate_alpha": RULE.alpha,
        "tolerance_of_power": TOLERANCE,
        "luck": "three standard errors of the simulated share",
        "test_sets": {
            n: [p.groups, p.each, p.discordance, p.correlation] for n, p in PLANS.items()
        },
    }
    write_text(RESULTS, json.dumps(stated | {"verdicts": told, "gate": opened}, indent=2) + "\n")
    print(shown(told) + "\n\n" + shown(opened))
    sys.exit(not all(row["holds"] for row in [*told, *opened]))


if __name__ == "__main__":
    main()
