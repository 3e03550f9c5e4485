"""Windows over a text that is longer than a model reads: each token is scored exactly once.

The rule is that of lm-evaluation-harness's `loglikelihood_rolling`: the first window scores all its
tokens behind the prefix token; each further one scores the next tokens behind `overlap` tokens that
were scored before (1 there); the last one reaches back as far as it has room.
"""

from collections.abc import Iterator, Sequence


def windows(
    ids: Sequence[int], prefix: int | None, room: int, overlap: int = 1
) -> Iterator[tuple[tuple[int, ...], int]]:
    """Tokens of each window, at most `room`, and from which of them on they are scored.

    Without a prefix token the first token of the text has no score. ValueError unless
    1 <= overlap < room.

    >>> list(windows([5, 6, 7, 8, 9], 0, 3))
    [((0, 5, 6), 1), ((6, 7, 8), 1), ((7, 8, 9), 2)]
    """
    if not 1 <= overlap < room:
        raise ValueError(f"windows of {room} tokens with {overlap} in common")
    whole = tuple(ids) if prefix is None else (prefix, *ids)
    done = min(room, len(whole))
    yield whole[:done], 1
    while done < len(whole):
        end = min(done + room - overlap, len(whole))
        start = max(0, end - room)
        yield whole[start:end], done - start
        done = end
