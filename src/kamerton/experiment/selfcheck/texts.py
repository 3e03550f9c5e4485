"""Known truth of text metrics: published figures, the libraries themselves, the written formula."""

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from kamerton.experiment.scorers import SCORERS
from kamerton.experiment.scorers.bertscore import bertscore
from kamerton.experiment.scorers.bleu import bleu
from kamerton.experiment.scorers.codebleu import codebleu
from kamerton.experiment.scorers.rouge import Kind, rouge
from kamerton.experiment.scorers.scored import Scorer, version
from kamerton.experiment.selfcheck.comparison import (
    Comparison,
    Setting,
    Tell,
    close,
    farthest,
    figure,
    figures,
    skipped,
    small,
)
from kamerton.formats.language import say

ANSWERS = (
    "The idol of Pomos is carved from bronze.",
    "A lady in the museum",
    "It was cast, and then kept, in the museum of the idols.",
)
REFERENCES = (
    ("The idol of Pomos is carved from picrolite.", "The idol is cast in bronze"),
    ("The lady of Lemba is kept in a museum.",),
    ("The museum keeps idols that were cast.", "An idol was kept there."),
)
"""Texts of ours, where one method is compared with another and the texts do not matter."""
_WORDS = "the idol of pomos is carved from picrolite where kept lady lemba bronze cast in museum a"
_MARKS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_KINDS: tuple[Kind, ...] = ("rouge1", "rouge2", "rougeL")


def check_sacrebleu(setting: Setting, tell: Tell) -> Iterator[Comparison]:
    """The example of sacrebleu's manual, read out of the installed package, and its figures."""
    source = "sacrebleu 2.6.0: README, tests"
    wanted = {
        "bleu": (SCORERS["bleu"], 48.530827),
        "bleu_none": (bleu("bleu_none", "none"), 49.1919566),
        "bleu_intl": (SCORERS["bleu_intl"], 43.91623493),
        "chrf": (SCORERS["chrf"], 59.72751783),
        "chrf_words": (SCORERS["chrf++"], 59.15310444),
    }
    example = _example()
    for name, (scorer, value) in wanted.items():
        if example is None:
            yield skipped(name, f"{value:.6f}", source, say("experiment.selfcheck_no_example"))
        else:
            yield close(name, figure(scorer.score(*example)), value, 1e-6, source)
    tell(1)


def _example() -> tuple[list[str], list[list[str]]] | None:
    """Answers and references of the first example in sacrebleu's own description, if it is there.

    They are not ours, so they do not stand here.
    """
    from importlib.metadata import distribution

    version("sacrebleu")
    told = distribution("sacrebleu").read_text("METADATA") or ""
    sets, said = (
        re.search(rf"\b{name} = (\[.*?\])\n(?!\s*\.\.\.:  )", told, re.S)
        for name in ("refs", "sys")
    )
    if sets is None or said is None:
        return None
    lines = re.sub(r"^ *\.\.\.:", "", sets[1], flags=re.M)
    try:
        answers, references = ast.literal_eval(said[1]), ast.literal_eval(lines)
    except (ValueError, SyntaxError):
        return None
    return answers, [list(those) for those in zip(*references, strict=True)]


def check_rouge(setting: Setting, tell: Tell) -> Iterator[Comparison]:
    """Small texts by arithmetic; equal to rouge-score on English; equal Russian texts score 1."""
    one = ["clay pots dried"]
    for name, kind, answer, references, value in (
        ("rouge_one", "rouge1", "clay", one, 1 / 2),
        ("rouge_two", "rouge2", "clay pots", one, 2 / 3),
        ("rouge_longest", "rougeL", "clay pots", one, 4 / 5),
        ("rouge_several", "rougeL", "pot clay", ["clay pot", "clay vase"], 1 / 2),
    ):
        found = figure(SCORERS[kind].score([answer], [references]))
        yield close(name, found, value, 1e-9, "Lin 2004")
    yield small("rouge_library", _from_library(), 1e-12, "rouge-score 0.1.2")
    russian = "Идол из Помоса вырезан из пикролита."
    same = min(figure(SCORERS[kind].score([russian], [[russian]])) for kind in _KINDS)
    yield close("rouge_russian", same, 1.0, 0.0, "Lin 2004")
    tell(1)


def _from_library() -> float:
    from rouge_score.rouge_scorer import RougeScorer

    theirs, ours = [], []
    for kind in _KINDS:
        for stemmer in (False, True):
            library = RougeScorer([kind], use_stemmer=stemmer)
            pairs = zip(ANSWERS, REFERENCES, strict=True)
            theirs += [float(library.score_multi(those, a)[kind].fmeasure) for a, those in pairs]
            ours += figures(rouge(kind, stemmer).score(ANSWERS, REFERENCES))
    return farthest(ours, theirs)


def check_examples(setting: Setting, tell: Tell) -> Iterator[Comparison]:
    """The example that a scorer brings, reckoned by hand."""
    for scorer in SCORERS.values():
        if (example := scorer.example) is not None:
            found = figure(scorer.score([example.answer], [[example.reference]]))
            yield close(f"example_{scorer.name}", found, example.value, 1e-6, example.source)
    tell(1)


def check_codebleu(setting: Setting, tell: Tell) -> Iterator[Comparison]:
    """The Java pairs of the paper and the Python pairs of codebleu's tests, as published there.

    Names are other ones than there: CodeBLEU does not see what a name is, only where it recurs.
    """
    head = "public static int mark ( double x ) { return ( "
    right = head + "int ) ( ( x == 0 ) ? 0 : ( x < 0 ) ? - 1 : 1) ; }"
    other = head + "float ) ( ( x == 0 ) ? 0 : ( y < 0.0 ) ? - 1 : 1) ; }"
    pairs = [
        ("paper_1", other, right, 0.7019),
        ("paper_2", right.replace(" x ", " y "), right, 0.8804),
    ]
    yield from _published(codebleu("java", "published"), pairs, "Ren et al. 2020, arXiv 2009.10297")
    pour = "def pour ( x ) :\n    return x"
    tilt = pour.replace("pour", "tilt")
    pairs = [
        ("python_1", "def tilt ( y , x ) :\n    z = x * x\n    return z", pour, 0.3634),
        ("python_2", "def pour ( x ) :\n    return x * x", tilt, 0.6142),
        ("python_3", tilt, pour, 0.8566),
        (
            "python_4",
            "def join ( x , y ) :\n return x + y",
            "def total ( left , right ) :\n return right + left",
            0.5538,
        ),
    ]
    yield from _published(codebleu("python", "published"), pairs, "codebleu 0.7.0: tests")
    garbage = codebleu().score(["some random words and more"], [["def f ( ) :\n pass"]])
    yield small("codebleu_garbage", figure(garbage), 0.02, "Kamerton: no gift")
    tell(1)


def _published(
    scorer: Scorer, pairs: Sequence[tuple[str, str, str, float]], source: str
) -> Iterator[Comparison]:
    for name, answer, reference, value in pairs:
        found = figure(scorer.score([answer], [[reference]]))
        yield close(f"codebleu_{name}", found, value, 1e-4, source, 4)


def check_bertscore(setting: Setting, tell: Tell) -> Iterator[Comparison]:
    """BERTScore by the paper's equations, token by token, on a small encoder of random weights."""
    with TemporaryDirectory() as place:
        encoder = str(make_encoder(Path(place)))
        found = figures(bertscore(encoder, 2).score(ANSWERS, REFERENCES))
        wanted = [
            max(by_formula(answer, one, encoder, 2) for one in those)
            for answer, those in zip(ANSWERS, REFERENCES, strict=True)
        ]
        same = figure(bertscore(encoder, 2).score([ANSWERS[0]], [[ANSWERS[0]]]))
    source = "Zhang et al. 2020, arXiv 1904.09675"
    yield small("bertscore_formula", farthest(found, wanted), 1e-5, source)
    yield close("bertscore_same", same, 1.0, 1e-6, source, 7)
    tell(1)


def make_encoder(folder: Path, positions: int = 64) -> Path:
    """Write a BERT of 3 layers, 32 wide, of random weights, for English and Russian letters.

    The truth of a formula does not depend on what an encoder has learnt.
    """
    import torch
    from transformers import BertConfig, BertModel, BertTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()  # it is written in a moment
    letters = [chr(code) for code in (*range(ord("a"), ord("z") + 1), *range(0x430, 0x450))]
    pieces = [*_MARKS, *letters, *(f"##{letter}" for letter in letters), *_WORDS.split(), ".", ","]
    vocabulary = {piece: place for place, piece in enumerate(dict.fromkeys(pieces))}
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=positions,
        initializer_range=0.5,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        BertModel(config).save_pretrained(folder)
    BertTokenizer(vocab=vocabulary, model_max_length=positions).save_pretrained(folder)
    return folder


def by_formula(answer: str, reference: str, encoder: str, layer: int) -> float:
    """F1 of one pair by the equations of Zhang et al. 2020, section 3, one token at a time."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(encoder, local_files_only=True)
    model = AutoModel.from_pretrained(encoder, local_files_only=True).eval()
    both = []
    for text in (answer, reference):
        ids = torch.tensor([tokenizer.encode(text)])
        with torch.inference_mode():
            hidden = model(ids, output_hidden_states=True).hidden_states[layer][0]
        both.append([vector / vector.norm() for vector in hidden])
    precision, recall = _side(*both), _side(*both[::-1])
    return 2 * precision * recall / (precision + recall)


def _side(one: list[Any], other: list[Any]) -> float:
    """Mean over the tokens, without the marks, of the best cosine with any of the other's."""
    best = [max(float(vector @ its) for its in other) for vector in one[1:-1]]
    return sum(best) / len(best)
