"""Planted leaks at every level and side, and what looks like a leak but is none."""

import random
from collections.abc import Callable
from unicodedata import normalize

import pytest
from leak_rows import LONG, SETS, TEMPLATE, TOLD, found, one, row, rows, words

from kamerton.develop.data.leaks.check import check
from kamerton.develop.data.leaks.texts import Tests
from kamerton.formats.chat import ChatRow, Message, chat
from kamerton.formats.errors import InputError

PLANTED = [
    ("prompt", "exact", LONG, f"  {LONG.upper()}!!", 1.0),
    ("prompt", "exact", "Что это?", "что ЭТО", 1.0),
    ("prompt", "8-gram", LONG, f"Tell me, guide: {LONG} Be short.", 1.0),
    ("prompt", "8-gram", LONG, " ".join(LONG.split()[:9]), 0.222),
    ("answer", "exact", TOLD, TOLD.lower().replace(" in ", ", in "), 1.0),
    ("answer", "exact", "It was Enkomi harbour.", "it was: Enkomi harbour", 1.0),
    ("answer", "8-gram", TOLD, f"As we know, {TOLD}", 1.0),
]


@pytest.mark.parametrize("tests", SETS)
@pytest.mark.parametrize(("side", "level", "asked", "trained", "similarity"), PLANTED)
def test_a_planted_leak_is_found_at_its_level(
    tests: Tests, side: str, level: str, asked: str, trained: str, similarity: float
) -> None:
    result = one(row("seen", **{side: trained}), row("asked", **{side: asked}), tests)
    expected = [("asked", side, level, "seen")] if tests == "group" or side == "prompt" else []
    assert found(result.blocking) == expected and result.printed == []
    assert [leak.similarity for leak in result.blocking] == [similarity] * len(expected)


def test_e_with_dots_and_case_make_no_difference() -> None:
    asked, trained = "Всё ещё зелёный ли КЛЁН за окном?", "ВСЕ ЕЩЕ ЗЕЛЕНЫЙ ЛИ клен за окном"
    for tests in SETS:
        result = one(row("seen", prompt=trained), row("asked", prompt=asked), tests)
        assert found(result.blocking) == [("asked", "prompt", "exact", "seen")]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: normalize("NFD", text),
        lambda text: "\u00ad".join(text),
        lambda text: "\u200b".join(text),
        lambda text: text.replace(" ", "\u00a0").replace("о", "o"),
        lambda text: text.translate(str.maketrans("асеорху", "aceopxy")),
        lambda text: "".join(letter + "\u0301" * (letter in "аеиоуя") for letter in text),
        lambda text: f"\u202b{text}\u202c",
    ],
)
@pytest.mark.parametrize("tests", SETS)
def test_what_is_not_seen_hides_no_leak(tests: Tests, change: Callable[[str], str]) -> None:
    trained = "Всё ещё зелёный ли клён стоит со своей рябиной за окном у старой усадьбы, а в саду?"
    seen = row("seen", prompt=f"Отгадайте-ка, друзья мои. {trained}")
    exact = one(row("seen", prompt=trained), row("asked", prompt=change(trained)), tests)
    assert found(exact.blocking) == [("asked", "prompt", "exact", "seen")]
    part = one(seen, row("asked", prompt=change(trained)), tests)
    assert found(part.blocking) == [("asked", "prompt", "8-gram", "seen")]
    beside = check(
        rows("t"), [row("h", prompt=change(trained))], tests, others={"few_shot": [trained]}
    )
    assert [leak.level for leak in beside.blocking] == ["few_shot:exact"]


def test_a_group_is_a_leak_of_group_sets_only() -> None:
    train, held_out = row("seen", group="horned-god"), row("asked", group="horned-god")
    assert found(one(train, held_out, "group").blocking) == [("asked", "prompt", "group", "seen")]
    result = one(train, held_out, "phrasing")
    assert result.blocking == [] and result.printed == []


def test_an_unnamed_group_is_no_group() -> None:
    for group in (None, ""):
        assert one(row("seen", group=group), row("asked", group=group), "group").blocking == []


NO_LEAKS = [
    ("same opening words", LONG, "From which harbour did the small bronze cat come?"),
    ("seven words in a row", LONG, "From which harbour did the small bronze bell come?"),
    ("half of a short question", "Who cast it?", "Who cast it and who paid for it?"),
    ("the same words in another order", LONG, " ".join(reversed(LONG.split()))),
]


@pytest.mark.parametrize("tests", SETS)
@pytest.mark.parametrize(("why", "asked", "trained"), NO_LEAKS)
def test_what_is_like_a_leak_but_is_none(tests: Tests, why: str, asked: str, trained: str) -> None:
    result = one(row("seen", prompt=trained), row("asked", prompt=asked), tests)
    assert result.blocking == [] and result.printed == [], why


@pytest.mark.parametrize("answer", ["Yes.", "42", "In the Hermitage"])
def test_the_same_short_answer_is_only_told(answer: str) -> None:
    train = row("seen", "Does the ferry sail on Mondays?", answer)
    held_out = row("asked", "Has the cathedral a second tower?", f"{answer}!")
    result = check([train], [held_out], "group", semantic=0.85)
    assert result.blocking == []
    assert found(result.printed) == [("asked", "answer", "exact", "seen")]
    assert one(train, held_out, "phrasing").printed == []


@pytest.mark.parametrize(("length", "shared", "blocks"), [(39, 8, 1), (40, 8, 0), (40, 14, 1)])
def test_of_a_long_text_a_share_of_the_runs_must_be_shared(
    length: int, shared: int, blocks: int
) -> None:
    asked = words(length, "asked")
    trained = f"{words(9, 'before')} {' '.join(asked.split()[:shared])}"
    for side in ("prompt", "answer"):
        result = one(row("seen", **{side: trained}), row("asked", **{side: asked}), "group")
        assert len(result.blocking) == blocks
        low = one(
            row("seen", **{side: trained}), row("asked", **{side: asked}), "group", contained=0.01
        )
        assert [leak.similarity for leak in low.blocking] == [round((shared - 7) / (length - 7), 3)]


def test_the_share_is_of_one_training_row() -> None:
    asked = words(47, "asked").split()
    parts = [row(f"s{n}", answer=" ".join(asked[n * 10 : n * 10 + 12])) for n in range(4)]
    held_out = [row("asked", answer=" ".join(asked))]
    assert check([*rows("t"), *parts], held_out, "group").blocking == []
    whole = row("s", answer=" ".join(asked[:40]))
    assert len(check([*rows("t"), whole], held_out, "group").blocking) == 1


def test_the_row_with_most_in_common_is_named_and_the_first_of_equals() -> None:
    parts = LONG.split()
    train = [row(f"s{n}", prompt=f"{' '.join(parts[:n])} x") for n in (9, 10, 12)]
    train += [row("s2", prompt=f"{' '.join(parts[:12])} y")]
    result = check([*rows("t"), *train], [row("asked", prompt=LONG)], "phrasing")
    assert found(result.blocking) == [("asked", "prompt", "8-gram", "s2")]


def test_group_sets_look_on_both_sides_of_a_training_row_for_runs() -> None:
    train, held_out = row("seen", answer=f"You asked: {LONG}"), row("asked", prompt=LONG)
    expected = [("asked", "prompt", "8-gram", "seen")]
    assert found(one(train, held_out, "group").blocking) == expected
    assert one(train, held_out, "phrasing").blocking == []


def test_a_question_behind_a_passage_is_the_question() -> None:
    passage = "Context: " + words(30, "passage") + "\n\nQuestion: {}"
    train = row("seen", prompt=passage.format("Of what is the god cast?"))
    same = row("asked", prompt=passage.format("of what is the god cast"))
    other = row("asked", prompt=passage.format("Where was the god found?"))
    expected = [("asked", "prompt", "exact", "seen")]
    assert found(one(train, same, "phrasing").blocking) == expected
    assert one(train, other, "phrasing").blocking == []
    assert [leak.level for leak in one(train, other, "group").blocking] == ["8-gram"]
    quoted = row("asked", prompt=f"Context: {LONG}\n\nQuestion: Who asks?")
    assert one(row("seen", prompt=LONG), quoted, "phrasing").blocking == []
    plain = row("asked", prompt="Of what is the god cast?")
    for tests in SETS:
        assert found(one(train, plain, tests).blocking) == expected


def test_every_turn_of_a_training_chat_counts() -> None:
    turns = [*chat("", "Hello", LONG.replace("?", ".")), *chat("", LONG, "Of Enkomi.")]
    train = ChatRow(id="seen", messages=[*turns, *chat("", "Why?", "Because.")])
    for tests in SETS:
        result = one(train, row("asked", prompt=LONG), tests)
        assert ("asked", "prompt", "exact", "seen") in found(result.blocking)
        follow_up = [*chat("", words(9, "x"), "Yes."), Message(role="user", content="Why?")]
        held_out = ChatRow(id="asked", messages=follow_up)
        assert one(train, held_out, tests).blocking == []


@pytest.mark.parametrize("tests", SETS)
def test_meaning_is_told_or_blocks_and_can_be_switched_off(tests: Tests) -> None:
    train = [row("s", "How old is the bridge over the river?", "The bridge is five years old.")]
    held_out = [
        row("h", "What is the age of the bridge over the river?", "It is of grey stone."),
        row("i", "Сколько картин висит в белом зале?", "Five years old is the bridge."),
        row("j", "How heavy is the amphora?", "The amphora came out of the sea."),
    ]
    result = check(train, held_out, tests, semantic=0.85)
    leaks = [("h", "prompt", "semantic", "s"), ("i", "answer", "semantic", "s")]
    expected: tuple[object, object] = ([], leaks[:1]) if tests == "phrasing" else (leaks, [])
    assert (found(result.blocking), found(result.printed)) == expected
    assert all(0.85 <= leak.similarity < 1 for leak in (*result.blocking, *result.printed))
    assert check(train, held_out, tests).blocking == check(train, held_out, tests).printed == []
    assert check(train, held_out, tests, semantic=0.99).blocking == []


def test_short_answers_mean_nothing() -> None:
    train = [row("s", "How old is the bridge?", "Five years.")]
    held_out = [row("h", "Where do the swans sleep in winter?", "Five whole years.")]
    assert check(train, held_out, "group", semantic=0.5).blocking == []


def test_a_row_that_stands_there_twice_is_named_once() -> None:
    held_out = row("h", answer=TOLD, group="god")
    leaks = found(check([row("s", answer=TOLD, group="god")], [held_out] * 2, "group").blocking)
    assert leaks == [("h", "prompt", "group", "s"), ("h", "answer", "exact", "s")]


def test_only_the_strongest_level_of_a_side_is_named() -> None:
    train, held_out = row("seen", LONG, TOLD), row("asked", LONG, f"{TOLD} Yes.")
    result = check([train], [held_out], "group", semantic=0.8)
    assert [(leak.side, leak.level) for leak in result.blocking] == [
        ("prompt", "exact"),
        ("answer", "8-gram"),
    ]


@pytest.mark.parametrize("tests", SETS)
def test_no_order_changes_the_report(tests: Tests) -> None:
    train = [*rows("t"), *(row(f"s{n}", f"{LONG} {words(2, n)}", TOLD) for n in range(4))]
    held_out = [*rows("h", 12), *(row(f"g{n}", f"{words(2, n)} {LONG}", TOLD) for n in range(12))]
    train += [row("u", "How old is the bridge?", "Yes."), row("u2", "How old is a bridge?", "No.")]
    held_out += [row("v", "How old is that bridge?", "Yes."), *train[:3]]
    report = check(train, held_out, tests, semantic=0.8)
    assert report.blocking
    names = [leak.held_out for leak in report.blocking]
    for seed in range(3):
        chance = random.Random(seed)
        mixed = chance.sample(train, len(train)), chance.sample(held_out, len(held_out))
        assert check(*mixed, tests, semantic=0.8) == report
    assert names.index("t2") > names.index("t0")


def test_ids_are_ordered_by_their_numbers() -> None:
    train = rows("t", 11)
    result = check(train, [train[10], train[2]], "phrasing")
    assert [leak.held_out for leak in result.blocking] == ["t2", "t10"]


def test_large_files() -> None:
    """Ten thousand rows each, with a template: the leaks planted among them, and no others."""

    def large(name: str) -> list[ChatRow]:
        texts = [words(30, f"{name}{n}") for n in range(10_000)]
        return [
            row(f"{name}{n}", TEMPLATE.format(text[:120]), text) for n, text in enumerate(texts)
        ]

    train, held_out = large("t"), large("h")
    held_out[1] = row("x", train[7_000].prompt, train[9_000].answer)
    held_out[2] = row("y", f"Hm, {train[6_000].prompt[80:]}", f"Hm, {train[8_000].answer}")
    result = check(train, held_out, "group")
    assert found(result.blocking) == [
        ("x", "prompt", "exact", "t7000"),
        ("x", "answer", "exact", "t9000"),
        ("y", "prompt", "8-gram", "t6000"),
        ("y", "answer", "8-gram", "t8000"),
    ]


@pytest.mark.parametrize("value", [0.0, -1.0, 1.01, float("nan")])
def test_a_threshold_is_above_0_and_at_most_1(value: float) -> None:
    for name in ("semantic", "contained"):
        with pytest.raises(InputError) as caught:
            check(rows("t"), rows("h"), "group", **{name: value})
        assert caught.value.where == name and "above 0" in str(caught.value)


def test_nothing_on_either_side_is_no_leak() -> None:
    empty = ChatRow(id="e", messages=chat("", "???", "—"))
    for tests in SETS:
        assert check([], rows("h"), tests, semantic=0.85).blocking == []
        assert check(rows("t"), [], tests, semantic=0.85).blocking == []
        assert check([empty], [empty], tests, semantic=0.85).blocking == []
