"""Run every command that a README shows, at `--preset smoke`, and count them.

Commands stand in fenced `sh` blocks. `make` and `git` lines are left out (they are run on a fresh
clone by hand), and `kamerton serve` is started, asked for its models, and ended.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)
LEFT_OUT = ("make", "git", "cd", "apt-get", "sudo", "curl")
BIN = Path(".venv/bin") if Path(".venv/bin/kamerton").exists() else Path(sys.executable).parent


def commands(readme: Path) -> list[str]:
    """Lines of the sh blocks that are ours to run, in their order."""
    lines = [
        line.split("  #")[0].strip()
        for b in BLOCK.findall(readme.read_text())
        for line in b.splitlines()
    ]
    return [line for line in lines if line and not line.startswith(("#", *LEFT_OUT))]


def is_verb(command: str, verb: str) -> bool:
    """Whether a line is `kamerton VERB …`, with a language before the verb or without."""
    return re.match(rf"kamerton (--lang \w+ )?{verb}\b", command) is not None


def smoke(command: str) -> str:
    """The same command in its shortest form."""
    if is_verb(command, "run") and not re.search("--preset|--dry-run", command):
        command += " --preset smoke"
    return command + " --port 8765" if is_verb(command, "serve") else command


def serve(command: str, environment: dict[str, str]) -> int:
    """Start a server, wait for its models, end it; 0 where it answered."""
    child = subprocess.Popen(command, shell=True, env=environment, start_new_session=True)
    try:
        for _ in range(120):
            if child.poll() is not None:
                return child.returncode or 1
            try:
                with urllib.request.urlopen("http://127.0.0.1:8765/v1/models", timeout=2):
                    return 0
            except OSError:
                time.sleep(1)
        return 1
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGTERM)
        child.wait(30)


def main() -> None:
    """Run all; exit 1 at the first that fails."""
    for made in Path().glob("my-guide*"):
        shutil.rmtree(made)  # of an earlier run: `kamerton init` never overwrites
    environment = os.environ | {"PATH": f"{BIN.resolve()}:{os.environ['PATH']}"}
    count = 0
    for readme in map(Path, sys.argv[1:]):
        for command in map(smoke, commands(readme)):
            print(f"[{readme}] {command}", flush=True)
            if is_verb(command, "serve"):
                code = serve(command, environment)
            else:
                code = subprocess.run(command, shell=True, env=environment, check=False).returncode
            if code:
                sys.exit(f"{readme}: exit {code}: {command}")
            count += 1
    print(f"readme commands: {count} passed, 0 failed")
    if not count:
        sys.exit("no command was found")


if __name__ == "__main__":
    main()
