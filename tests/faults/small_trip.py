"""A trip of small real child processes, run by the real pipeline; for tests that kill it.

Usage: python small_trip.py FOLDER. Each stage counts to twenty, a file a step; `tune` goes on from
the files that are there, `data` starts anew. What a stage did is appended to FOLDER/log.txt.
"""

import signal
import sys
from pathlib import Path

from kamerton.formats.errors import InputError
from kamerton.pipeline.child import StageFailed
from kamerton.pipeline.execute import execute, in_child
from kamerton.pipeline.graph import Planned, Stage, plan

COUNT = """
import sys, time
from pathlib import Path
from kamerton.pipeline.child import die_with_parent
die_with_parent()
name, out, log = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
if name == "broken":
    sys.exit(2)
for step in range(20):
    if not (out / str(step)).exists():
        time.sleep(0.02)
        (out / str(step)).write_text(str(step))
        with log.open("a") as stream:
            stream.write(f"{name} {step}\\n")
"""


def main() -> int:
    """Run the trip; exit codes as the command line has them."""
    # A shell that starts us in the background would have us ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    folder = Path(sys.argv[1])
    names = sys.argv[2:] or ["data", "tune"]
    stages = tuple(Stage(n, tuple(names[:i]), {}, resumes=n == "tune") for i, n in enumerate(names))
    planned = plan(stages, folder / "runs", folder)

    def command(item: Planned) -> list[str]:
        return [sys.executable, "-c", COUNT, item.name, str(item.folder), str(folder / "log.txt")]

    try:
        ran = execute(planned, planned, in_child(command))
    except StageFailed as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except KeyboardInterrupt:
        return 130
    sys.stdout.write(" ".join(ran) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
