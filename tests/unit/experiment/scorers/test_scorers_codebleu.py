"""CodeBLEU: the published pairs, no gift for garbage, order of names, endless nesting."""

import math
from typing import Any

import pytest
from scored_texts import SIGN, SIGN_OTHER, SIGN_RENAMED

pytest.importorskip("tree_sitter")
pytest.importorskip("tree_sitter_python")

from kamerton.experiment.scorers.code_flow import flows
from kamerton.experiment.scorers.code_tree import tokens, without_comments
from kamerton.experiment.scorers.codebleu import codebleu
from kamerton.formats.errors import InputError

FOO = "def foo ( x ) :\n    return x"


@pytest.mark.parametrize(
    ("answer", "value", "ngram", "syntax", "dataflow"),
    [(SIGN_OTHER, 0.7019, 0.7846, 11 / 19, 2 / 3), (SIGN_RENAMED, 0.8804, 0.7571, 1.0, 1.0)],
)
def test_the_papers_java_pairs(
    answer: Any, value: Any, ngram: Any, syntax: Any, dataflow: Any
) -> None:
    pytest.importorskip("tree_sitter_java")
    found = codebleu("java", "published").score([answer], [[SIGN]])
    assert found.corpus == pytest.approx(value, abs=1e-4)
    assert found.totals["ngram"] == pytest.approx(ngram, abs=1e-4)
    assert found.totals["syntax"] == pytest.approx(syntax)
    assert found.totals["dataflow"] == pytest.approx(dataflow)


def test_garbage_gets_no_gift() -> None:
    garbage, reference = "some rannnndom words in length more than 3", "def test ( ) :\n pass"
    assert codebleu(convention="published").score([garbage], [[reference]]).corpus == 0.25
    found = codebleu().score([garbage], [[reference]])
    assert found.corpus < 0.02 and found.totals["dataflow"] is None
    # A reference with data flow that the answer lacks is a plain 0, not null.
    flow = codebleu().score([garbage], [["def f(a):\n    b = a\n    return b"]])
    assert flow.totals["dataflow"] == 0 and flow.corpus < 0.1


@pytest.mark.parametrize(
    "code", ["x = 1", FOO, "# only\nreturn", "def f():\n    '''Doc.'''\n    pass"]
)
def test_a_program_equals_itself(code: Any) -> None:
    assert codebleu().score([code], [[code]]).corpus == pytest.approx(1.0)


def test_an_empty_answer_scores_nothing() -> None:
    found = codebleu().score(["", FOO], [[FOO], [FOO]])
    assert found.items == pytest.approx((0.0, 1.0))


def test_space_and_comments_do_not_matter_to_the_strict_convention() -> None:
    dense = "def foo(x):\n  # a remark\n  return x"
    assert codebleu().score([dense], [[FOO]]).corpus == pytest.approx(1.0)
    assert codebleu(convention="published").score([dense], [[FOO]]).corpus < 0.8


def test_the_corpus_value_is_no_mean_of_items() -> None:
    longer = "def g(a, b):\n    c = a + b\n    for d in c:\n        a = d\n    return a"
    scorer = codebleu()
    found = scorer.score([longer, "x"], [[longer], [FOO]])
    assert abs(found.corpus - sum(found.items) / 2) > 0.05
    rows = scorer.additive.rows([longer, "x"], [[longer], [FOO]])
    assert scorer.additive.value([sum(c) for c in zip(*rows, strict=True)]) == found.corpus


def test_data_flow_forgets_names_and_keeps_order() -> None:
    one, other = "def f(a):\n    b = a\n    return b", "def f(x):\n    y = x\n    return y"
    assert flows(one, "python") == flows(other, "python")
    assert flows(one, "python") != flows("def f(a):\n    b = a\n    return a", "python")


def test_data_flow_through_branches_and_loops() -> None:
    plain = "def f(a):\n    b = a\n    return b"
    branch = "def f(a):\n    if a:\n        b = a\n    else:\n        b = 1\n    return b"
    loop = "def f(a):\n    for b in a:\n        a = b\n    return a"
    assert len({frozenset(flows(code, "python").items()) for code in (plain, branch, loop)}) == 3


def test_endless_nesting_ends() -> None:
    nested = "".join(f"{'    ' * n}for a{n} in b{n}:\n" for n in range(40)) + "    " * 40 + "pass"
    assert not flows(nested, "python")
    deep = "(" * 20_000 + "1" + ")" * 20_000
    assert codebleu().score([deep], [[FOO]]).corpus < 0.5


def test_comments_and_tokens() -> None:
    code = 'def f():\n    """Doc."""\n    x = "a # b"  # remark\n    return x'
    bare = without_comments(code, "python")
    assert "Doc" not in bare and "remark" not in bare and "a # b" in bare
    assert tokens("a+=b[1]", "python") == ["a", "+=", "b", "[", "1", "]"]


def test_an_unknown_language_is_named() -> None:
    with pytest.raises(InputError, match="cobol"):
        codebleu("cobol").score(["a"], [["b"]])  # type: ignore[arg-type]


def test_a_short_answer_pays_for_its_brevity() -> None:
    reference = "a = b\nc = d\ne = f\ng = h"
    found = codebleu().score(["a = b\nc = d"], [[reference]])
    assert found.totals["ngram"] == pytest.approx(math.exp(1 - 12 / 6))


def test_subtrees_are_clipped_as_in_the_paper() -> None:
    one, three = "a = 1", "a = 1\nb = 2\nc = 3"
    # A module, three statements, three assignments; the answer has one statement, one assignment.
    assert codebleu().score([one], [[three]]).totals["syntax"] == pytest.approx(2 / 7)
    unclipped = codebleu(convention="published").score([one], [[three]])
    assert unclipped.totals["syntax"] == pytest.approx(6 / 7)


def test_the_end_of_a_loop_reaches_its_beginning() -> None:
    body = "    b = c\n    c = d\n"
    loop, once = flows(f"while a:\n{body}", "python"), flows(f"if a:\n{body}", "python")
    assert loop != once and any(relation == "comesFrom" and of for _, relation, of in loop)
    assert not any(relation == "comesFrom" and of for _, relation, of in once)
