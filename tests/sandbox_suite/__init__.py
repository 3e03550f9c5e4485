"""The public suite of hostile programs: what generated code may try against its judge and its host.

Each `*.txt` holds programs of one kind, one after another:

    ### name
    # tries: what it attempts
    # success: what would be seen if it worked
    # bare: yes, where it is harmless enough to be run without a box, to show that it is an attack

`forge.txt` holds candidates for `TEST`, none of which solves it: success is a pass. The others call
`escaped()`, put before each of them, as soon as they have got what they should not. In all texts
`@OUTSIDE@`, `@PORT@` and `@VICTIM@` stand for a folder, a port and a process of the host.
"""

from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
KINDS = ("forge", "files", "network", "processes", "kernel", "exhaust")
ENTRY = "secret_sum"
# No candidate can know what is added: the numbers of the test are its only definition.
TEST = """
def check(candidate):
    assert candidate([1, 2, 3]) == 6 + 37
    assert candidate([]) == 37
    assert candidate([-5, 5, 11]) == 11 + 37
"""
SOLUTION = "def secret_sum(numbers):\n    return sum(numbers) + 37\n"
TOKEN = "token-of-the-host-4711"
MARK = "ESCAPED"
_ESCAPED = """
def escaped():
    print("ESCAPED", flush=True)
    try:
        import io
        io.open("@OUTSIDE@/evidence", "w").close()
    except BaseException:
        pass
"""


@dataclass(frozen=True)
class Attack:
    """One hostile program."""

    name: str
    kind: str
    tries: str
    success: str
    bare: bool
    text: str

    @property
    def forges(self) -> bool:
        """Whether it is a candidate that wants to pass, rather than a program that wants out."""
        return self.kind == "forge"

    def program(self, outside: Path, port: int = 9, victim: int = 999_999) -> str:
        """Its source, for one folder, port and process of the host."""
        text = self.text if self.forges else _ESCAPED + self.text
        for mark, value in (("OUTSIDE", outside), ("PORT", port), ("VICTIM", victim)):
            text = text.replace(f"@{mark}@", str(value))
        return text


def attacks() -> list[Attack]:
    """All programs, kind by kind."""
    return [
        _attack(kind, part)
        for kind in KINDS
        for part in (HERE / f"{kind}.txt").read_text("utf-8").split("### ")[1:]
    ]


def _attack(kind: str, part: str) -> Attack:
    name, _, rest = part.partition("\n")
    lines = rest.split("\n")
    said = {}
    for field, line in zip(("tries", "success", "bare"), lines, strict=False):
        start = f"# {field}: "
        if not line.startswith(start):
            raise ValueError(f"{kind}.txt, {name}: a line '{start}...' was expected")
        said[field] = line.removeprefix(start)
    text = "\n".join(lines[3:]).strip() + "\n"
    return Attack(name, kind, said["tries"], said["success"], said["bare"] == "yes", text)
