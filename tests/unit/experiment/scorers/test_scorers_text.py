"""Corpus metrics of text: published figures, Russian, empty answers, planted faults."""

from typing import Any

import pytest
from scored_texts import RUSSIAN, TRIO

from kamerton.experiment.scorers import SCORERS
from kamerton.experiment.scorers.pass_at_k import pass_at_k, score_pass_at_k
from kamerton.experiment.scorers.rouge import UnicodeTokenizer
from kamerton.formats.errors import InputError

pytest.importorskip("sacrebleu")
pytest.importorskip("rouge_score")
TEXT = [name for name in SCORERS if not name.startswith(("codebleu", "bertscore"))]
BEST = {"meteor": 1 - 0.5 / 8**3}
"""Where it is not the bound: eight matches in one chunk have a penalty (Banerjee, Lavie 2005)."""


def test_signature_names_the_version_and_tokenizer() -> None:
    found = SCORERS["bleu"].score(*TRIO).signature
    assert "tok:13a" in found and "version:" in found and "nrefs:2" in found


@pytest.mark.parametrize("name", TEXT)
def test_equal_russian_sentences_score_the_most(name: Any) -> None:
    scorer = SCORERS[name]
    found = scorer.score([RUSSIAN], [[RUSSIAN]])
    assert found.corpus == pytest.approx(BEST.get(name, scorer.bounds[1]))
    assert found.items[0] == pytest.approx(BEST.get(name, scorer.bounds[1]))


@pytest.mark.parametrize("name", TEXT)
def test_a_wrong_russian_sentence_scores_less(name: Any) -> None:
    found = SCORERS[name].score(["Совсем иной текст о погоде."], [[RUSSIAN]])
    assert found.corpus < 0.5 * SCORERS[name].bounds[1]


@pytest.mark.parametrize("name", [name for name in TEXT if not name.startswith("exact_w")])
def test_an_empty_answer_scores_nothing(name: Any) -> None:
    found = SCORERS[name].score(["", RUSSIAN], [[RUSSIAN], [RUSSIAN]])
    assert found.items[0] == 0 and found.items[1] == pytest.approx(
        BEST.get(name, SCORERS[name].bounds[1])
    )


def test_the_unicode_tokenizer_knows_scripts_and_spellings() -> None:
    words = UnicodeTokenizer().tokenize("Ещё 3,5 кг: Café_crème")
    assert words == ["еще", "3", "5", "кг", "café", "crème"]


def test_a_missing_reference_is_the_users_fault() -> None:
    with pytest.raises(InputError, match=r"references\[1\]"):
        SCORERS["bleu"].score(["a", "b"], [["a"], []])
    with pytest.raises(InputError, match="2 answers"):
        SCORERS["exact_match"].score(["a", "b"], [["a"]])
    with pytest.raises(InputError, match="list of references"):
        SCORERS["rouge1"].score(["a"], ["a text instead of a list"])


def test_exact_and_contains_differ_where_they_should() -> None:
    answers, references = ["It is Bronze."], [["bronze"]]
    assert SCORERS["exact_match"].score(answers, references).corpus == 0
    assert SCORERS["exact_words"].score(["Bronze."], references).corpus == 1
    assert SCORERS["contains"].score(answers, references).corpus == 1
    assert SCORERS["contains"].score(["It is bronzed."], references).corpus == 0


@pytest.mark.parametrize(
    ("samples", "passed", "k", "value"),
    [(6, 3, 1, 0.5), (5, 1, 5, 1.0), (5, 0, 5, 0.0), (4, 2, 2, 5 / 6)],
)
def test_pass_at_k_is_exact(samples: Any, passed: Any, k: Any, value: Any) -> None:
    assert pass_at_k(samples, passed, k) == pytest.approx(value, abs=1e-9)


def test_pass_at_k_refuses_more_than_there_are() -> None:
    with pytest.raises(InputError, match=r"pass@5.* 2 samples"):
        score_pass_at_k([[True, False]], 5)
