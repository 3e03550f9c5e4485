"""The rules in their order, and one text through all of them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from kamerton.develop.data.clean import layout, spelling
from kamerton.develop.data.clean.edits import Edit, Tracked, apply, track, undone

Rule = Callable[[str], Iterator[Edit]]

RULES: dict[str, Rule] = {
    "encoding": spelling.encoding,
    "line_ends": layout.line_ends,
    "hidden": spelling.hidden,
    "composed": spelling.composed,
    "page_marks": layout.page_marks,
    "unwrap": layout.unwrap,
    "spaces": layout.spaces,
    "box_letter": spelling.box_letter,
    "look_alikes": spelling.look_alikes,
    "hash_hyphen": spelling.hash_hyphen,
    "pre_reform": spelling.pre_reform,
    "repeated": layout.repeated,
    "dashes": layout.dashes,
    "quotes": layout.quotes,
}
"""Order matters: parted words are joined before they are looked at, letters are put right before
words, and words before marks. So a repaired text has nothing left to repair."""


@dataclass(frozen=True)
class Change:
    """What one rule did to one text; offsets are those of the text that the rule saw."""

    rule: str
    edits: tuple[Edit, ...]
    old: tuple[str, ...]

    @property
    def characters(self) -> int:
        """Characters replaced or cut."""
        return sum(edit.end - edit.start for edit in self.edits)


def repair(text: str, rules: Sequence[str]) -> tuple[Tracked, list[Change]]:
    """A text through the named rules, in the order of `RULES`, with all that was changed."""
    tracked, changes = track(text), []
    for name, rule in RULES.items():
        edits = tuple(rule(tracked.text)) if name in rules else ()
        if edits:
            old = tuple(tracked.text[edit.start : edit.end] for edit in edits)
            changes.append(Change(name, edits, old))
            tracked = apply(tracked, edits)
    return tracked, changes


def restore(text: str, changes: Sequence[Change]) -> str:
    """The text as it was read."""
    for change in reversed(changes):
        text = undone(text, change.edits, change.old)
    return text


def preview(text: str, rules: Sequence[str]) -> dict[str, int]:
    """Characters that each rule alone would replace or cut."""
    touched = {}
    for name in rules:
        touched[name] = sum(edit.end - edit.start for edit in RULES[name](text))
    return touched
