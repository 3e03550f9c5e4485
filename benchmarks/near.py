"""Near duplicates of paragraphs with Kamerton alone: `python near.py IN OUT`; see data.py."""

import json
import sys
from pathlib import Path

from kamerton.develop.data.dedup import near
from kamerton.develop.data.dedup.near import shingles, word_hashes


def main() -> None:
    """Read, drop exact repeats, then near ones, and write what goes."""
    source, out = Path(sys.argv[1]), Path(sys.argv[2])
    with (source / "paragraphs.jsonl").open(encoding="utf-8") as stream:
        rows = [json.loads(line) for line in stream]
    words = [word_hashes(row["text"]) for row in rows]
    dropped = set(near.repeats((str(i), of.tobytes().hex()) for i, of in enumerate(words)))
    left = [i for i in range(len(rows)) if str(i) not in dropped]
    grams = [shingles(words[i], near.NEAR_WORDS) for i in left]
    signed = near.signatures(grams)
    gone: set[int] = set()
    for one, other, _ in near.pairs(signed, lambda i: frozenset(grams[i].tolist()), 0.8):
        if one not in gone:
            gone.add(other)
    names = [rows[int(i)]["id"] for i in dropped] + [rows[left[i]]["id"] for i in gone]
    out.mkdir(parents=True, exist_ok=True)
    (out / "dropped.txt").write_text("\n".join(sorted(names)) + "\n")


if __name__ == "__main__":
    main()
