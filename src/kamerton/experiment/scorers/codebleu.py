"""CodeBLEU (Ren et al. 2020, arXiv 2009.10297): n-grams, weighted n-grams, syntax and data flow.

Two conventions. `published` gives the figures of the evaluator of CodeXGLUE and of codebleu 0.7:
words are what stands between spaces, the weighted match has no brevity penalty, subtrees are not
clipped, and a data-flow match of 0 counts 1, so that garbage has 0.25. `strict` is ours: tokens
are those of the language, comments do not count, subtrees are clipped as in the paper's equation,
and where the references have no data flow that part is null and the others share its weight.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from kamerton.experiment.scorers import code_tree, scored
from kamerton.experiment.scorers.code_flow import flows
from kamerton.experiment.scorers.code_tree import Language
from kamerton.experiment.scorers.scored import Answers, References, Rows, Scored, Scorer

Convention = Literal["strict", "published"]
PARTS = ("ngram", "weighted_ngram", "syntax", "dataflow")
ORDER = 4
SMALL = 0.1
"""What a count of 0 is replaced by (Chen and Cherry 2014, method 1)."""
LIGHT = 0.2
"""Weight of a token that is no keyword."""
_PAIRS = 2
"""The published weighted match takes the length of its (tokens, weights) pair for the length of
the reference."""


@dataclass(frozen=True)
class _Settings:
    language: Language
    convention: Convention
    weights: tuple[float, float, float, float]


def codebleu(
    language: Language = "python",
    convention: Convention = "strict",
    weights: tuple[float, float, float, float] = (0.25, 0.25, 0.25, 0.25),
) -> Scorer:
    """The scorer of one language; `weights` are those of the four PARTS.

    The corpus value is computed from the sums over all items. With several references an item
    takes the best of them (`strict`) or is compared with all (`published`).
    """
    settings = _Settings(language, convention, weights)

    def rows(answers: Answers, references: References) -> Rows:
        pairs = zip(answers, references, strict=True)
        return [_row(answer, those, settings) for answer, those in pairs]

    def value(sums: Sequence[float]) -> float:
        combined = _combined(_parts(sums), settings)
        return math.nan if combined is None else combined

    def compute(answers: Answers, references: References) -> Scored:
        return _scored(rows(answers, references), settings)

    name = "codebleu" if convention == "strict" else "codebleu_published"
    name = name if language == "python" else f"{name}_{language}"
    return Scorer(name, compute, additive=scored.Additive(rows, value))


def _scored(rows: Rows, settings: _Settings) -> Scored:
    items = [_parts(row) for row in rows]
    total = _parts([math.fsum(column) for column in zip(*rows, strict=True)])
    grammar = f"tree-sitter-{settings.language}"
    signature = (
        f"CodeBLEU|lang:{settings.language}|convention:{settings.convention}"
        f"|weights:{','.join(map(str, settings.weights))}"
        f"|tree-sitter:{scored.version('tree-sitter')}|{grammar}:{scored.version(grammar)}"
    )
    return Scored(
        tuple(_combined(parts, settings) for parts in items),
        _combined(total, settings),
        signature,
        dict(zip(PARTS, zip(*items, strict=True), strict=True)),
        dict(zip(PARTS, total, strict=True)),
    )


def _row(answer: str, references: Sequence[str], settings: _Settings) -> list[float]:
    """Lengths (answer, reference, reference of the weighted match), then matches and totals."""
    if settings.convention == "published":
        return _against(answer, references, settings)
    rows = [_against(answer, [one], settings) for one in references]
    return max(rows, key=lambda row: _combined(_parts(row), settings) or 0.0)


def _against(answer: str, references: Sequence[str], settings: _Settings) -> list[float]:
    published = settings.convention == "published"
    said, wanted = answer.strip(), [one.strip() for one in references]
    bare, bares = _bare(said, settings), [_bare(one, settings) for one in wanted]
    if published:
        words, lists = said.split(), [one.split() for one in wanted]
    else:
        words = code_tree.tokens(bare, settings.language)
        lists = [code_tree.tokens(one, settings.language) for one in bares]
    closest = min((len(one) for one in lists), key=lambda size: (abs(size - len(words)), size))
    row = [float(len(words)), float(closest), float(_PAIRS if published else closest)]
    least = 1.0 if published else 0.0  # the published code counts an n-gram that is not there
    row += _precision(words, lists, least)
    row += _weighted_recall(words, lists, code_tree.keywords(settings.language), least)
    return row + _syntax(bare, bares, settings) + _dataflow(bare, bares, settings.language)


def _bare(code: str, settings: _Settings) -> str:
    """Without comments. The published code leaves them where Python cannot tokenize the text."""
    unread = settings.convention == "published" and settings.language == "python"
    if unread and not code_tree.tokenizes(code):
        return code
    return code_tree.without_comments(code, settings.language)


def _precision(
    words: Sequence[str], references: Sequence[Sequence[str]], least: float
) -> list[float]:
    """Clipped matches of n-grams 1 to 4, then how many the answer has."""
    matched, total = [], []
    for size in range(1, ORDER + 1):
        given, best = _grams(words, size), Counter[tuple[str, ...]]()
        for reference in references:
            best |= _grams(reference, size)
        matched.append(float((given & best).total()))
        total.append(max(least, float(given.total())))
    return matched + total


def _weighted_recall(
    words: Sequence[str],
    references: Sequence[Sequence[str]],
    heavy: frozenset[str],
    least: float,
) -> list[float]:
    """Matches of the references' n-grams, single tokens weighted, then how many they have."""
    matched, total = [], []
    for size in range(1, ORDER + 1):
        given = _grams(words, size)
        hits, all_ = 0.0, 0.0
        for reference in references:
            wanted = _grams(reference, size)
            hits += _weight(wanted & given, heavy, size)
            all_ += max(least, _weight(wanted, heavy, size))
        matched.append(hits)
        total.append(all_)
    return matched + total


def _weight(grams: Counter[tuple[str, ...]], heavy: frozenset[str], size: int) -> float:
    if size > 1:
        return float(grams.total())
    return sum(count * (1.0 if gram[0] in heavy else LIGHT) for gram, count in grams.items())


def _grams(words: Sequence[str], size: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[i : i + size]) for i in range(len(words) - size + 1))


def _syntax(bare: str, references: Sequence[str], settings: _Settings) -> list[float]:
    """Subtrees of the references that the answer has, and how many they have."""
    known: dict[object, int] = {}
    given, *wanteds = (
        Counter(code_tree.shapes(code_tree.parse(code, settings.language), known))
        for code in (bare, *references)
    )
    matched = total = 0
    for wanted in wanteds:
        total += wanted.total()
        if settings.convention == "published":
            matched += sum(count for shape, count in wanted.items() if shape in given)
        else:
            matched += (wanted & given).total()
    return [float(matched), float(total)]


def _dataflow(bare: str, references: Sequence[str], language: Language) -> list[float]:
    """Edges of the references that the answer has, and how many they have."""
    given, *wanted = (flows(code, language) for code in (bare, *references))
    matched = sum((one & given).total() for one in wanted)
    return [float(matched), float(sum(one.total() for one in wanted))]


def _parts(row: Sequence[float]) -> tuple[float | None, ...]:
    """The four matches of a row or of a sum of rows; None: there is nothing to match."""
    said, closest, closest_weighted = row[:3]
    plain, weighted = row[3 : 3 + 2 * ORDER], row[3 + 2 * ORDER : 3 + 4 * ORDER]
    subtrees, subtrees_all, edges, edges_all = row[3 + 4 * ORDER :]
    return (
        _bleu(plain, said, closest),
        _bleu(weighted, said, closest_weighted),
        subtrees / subtrees_all if subtrees_all else None,
        edges / edges_all if edges_all else None,
    )


def _bleu(counts: Sequence[float], said: float, closest: float) -> float:
    """Geometric mean of the shares with the brevity penalty; 0 where no token is right.

    Orders that no text is long enough for are left out, so that `x = 1` equals itself.
    """
    matched, total = counts[:ORDER], counts[ORDER:]
    if not matched[0] or not said:
        return 0.0
    pairs = [(hit, all_) for hit, all_ in zip(matched, total, strict=True) if all_]
    logs = [math.log((hit or SMALL) / all_) for hit, all_ in pairs]
    brevity = 1.0 if said > closest else math.exp(1 - closest / said)
    return brevity * math.exp(math.fsum(logs) / len(logs))


def _combined(parts: Sequence[float | None], settings: _Settings) -> float | None:
    if settings.convention == "published":
        known = [parts[0] or 0.0, parts[1] or 0.0, parts[2] or 0.0, parts[3] or 1.0]
        return math.fsum(w * part for w, part in zip(settings.weights, known, strict=True))
    both = [(w, p) for w, p in zip(settings.weights, parts, strict=True) if p is not None]
    weight = math.fsum(w for w, _ in both)
    return math.fsum(w * part for w, part in both) / weight if weight else None


SCORERS = {one.name: one for one in (codebleu(), codebleu(convention="published"))}
