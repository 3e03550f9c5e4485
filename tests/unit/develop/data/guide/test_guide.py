"""Sources to rows and questions: what is read, what is refused, what is held out."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from kamerton.develop.data.guide import catalogue, run, table
from kamerton.develop.data.guide.catalogue import Fact
from kamerton.develop.data.guide.split import Plan, SafetyRow
from kamerton.develop.settings import GuideSettings
from kamerton.develop.settings.data import EmbeddingsSettings
from kamerton.formats.chat import chat
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import read_rows
from kamerton.formats.matching import contains
from kamerton.formats.retrieval import with_context

ENTRY = """
- id: {id}
  name: {name}
  about: The {name} is of bronze and was found at Enkomi.
  facts:
    material: {{answer: "The {name} is cast in bronze.", key: [bronze]}}
    site: {{answer: "It was found at Enkomi.", key: [Enkomi]}}
  source: test
"""
PHRASINGS = """
called: the {name}
train:
  material: ["What is {called} made of?", "Name the material of {called}."]
  site: ["Where was {called} found?", "Tell me the site of {called}."]
test:
  material: ["Of what is {called}?"]
  site: ["Where did {called} come to light?"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    names = ["Horned God", "Ingot God", "Tulip Bowl", "Zeus Krater"]
    entries = [ENTRY.format(id=n.lower().replace(" ", "-"), name=n) for n in names]
    (tmp_path / "c.yaml").write_text("".join(entries), "utf-8")
    (tmp_path / "p.yaml").write_text(PHRASINGS, "utf-8")
    return tmp_path


def settings(**changes: object) -> GuideSettings:
    base: dict[str, object] = {
        "catalogue": "c.yaml",
        "phrasings": "p.yaml",
        "known_groups": 3,
        "unknown_groups": 1,
        "train_phrasings": 2,
        "context_phrasings": 0,
    }
    return GuideSettings.model_validate(base | changes)


def test_a_catalogue_becomes_rows_and_two_held_out_sets(folder: Path) -> None:
    plan = run.plan(settings(), folder, seed=1)
    assert len(plan.train) == 3 * 2 * 2
    assert len(plan.known) == 3 * 2
    assert len(plan.unknown) == 1 * 2
    trained = {row.group for row in plan.train}
    assert {q.group for q in plan.known} == trained
    assert not {q.group for q in plan.unknown} & trained
    assert not {row.prompt for row in plan.train} & {q.question for q in plan.held_out}


def test_the_draw_of_groups_goes_by_the_seed(folder: Path) -> None:
    unknown = [run.plan(settings(), folder, seed=s).unknown[0].group for s in range(12)]
    assert len(set(unknown)) > 1
    assert unknown[3] == run.plan(settings(), folder, seed=3).unknown[0].group


def test_context_wordings_carry_the_passage_in_serving_form(folder: Path) -> None:
    plan = run.plan(settings(context_phrasings=1), folder, seed=1)
    with_context = [row for row in plan.train if row.prompt.startswith("Context: ")]
    assert len(with_context) == len(plan.train) // 2
    assert all("found at Enkomi" in row.prompt for row in with_context)


def test_half_of_the_refusals_stand_behind_a_passage(folder: Path) -> None:
    lines = [
        {"question": f"How is lock {n} picked?", "answer": "No.", "split": "train"}
        for n in range(4)
    ]
    (folder / "s.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    for phrasings, behind in ((1, 2), (0, 0)):
        plan = run.plan(settings(safety="s.jsonl", context_phrasings=phrasings), folder, seed=1)
        refusals = [row.prompt for row in plan.train if row.group == "refusal"]
        assert len(refusals) == 4
        assert sum(prompt.startswith("Context: ") for prompt in refusals) == behind
        assert all("lock" in prompt for prompt in refusals)


def test_contradictions_are_values_that_only_others_have(museum: Path) -> None:
    museum_settings = GuideSettings.model_validate(
        {
            "catalogue": "catalogue.en.yaml",
            "phrasings": "phrasings.en.yaml",
            "attributes": ["material"],
            "known_groups": 30,
        }
    )
    plan = run.plan(museum_settings, museum, seed=7)
    for question in plan.known:
        assert question.contradicts
        assert not any(contains(question.answer, value) for value in question.contradicts)


def error(call: object, *args: object) -> str:
    with pytest.raises(InputError) as caught:
        call(*args)  # type: ignore[operator]
    return str(caught.value)


def test_a_key_that_its_own_answer_lacks_is_refused(folder: Path) -> None:
    text = (folder / "c.yaml").read_text("utf-8").replace("key: [bronze]", "key: [silver]", 1)
    (folder / "c.yaml").write_text(text, "utf-8")
    message = error(run.plan, settings(), folder, 1)
    assert "horned-god.material" in message and "silver" in message


def test_a_misspelt_field_of_an_entry_names_the_entry(folder: Path) -> None:
    text = (folder / "c.yaml").read_text("utf-8").replace("about:", "abuot:", 1)
    (folder / "c.yaml").write_text(text, "utf-8")
    message = error(run.plan, settings(), folder, 1)
    assert "horned-god" in message and "about" in message


def test_too_few_groups(folder: Path) -> None:
    assert "4 groups" in error(run.plan, settings(known_groups=9), folder, 1)


def test_a_missing_and_an_empty_source(folder: Path) -> None:
    assert "nowhere.yaml" in error(run.plan, settings(catalogue="nowhere.yaml"), folder, 1)
    (folder / "c.yaml").write_text("  \n", "utf-8")
    assert "empty" in error(run.plan, settings(), folder, 1)


def test_a_wording_in_both_parts_is_refused(folder: Path) -> None:
    text = PHRASINGS.replace("Of what is {called}?", "Name the material of {called}.")
    (folder / "p.yaml").write_text(text, "utf-8")
    assert "Name the material" in error(run.plan, settings(), folder, 1)


def test_a_question_shared_by_train_and_test_stops_and_says_which(folder: Path) -> None:
    rows = [
        {"question": "What is it?", "answer": "A bowl", "group": "g", "split": "train"},
        {"question": "what is IT", "answer": "A bowl", "group": "g", "split": "test"},
    ]
    write(folder / "q.jsonl", rows)
    own = GuideSettings.model_validate(
        {"questions": "q.jsonl", "known_groups": 1, "unknown_groups": 0}
    )
    message = error(run.plan, own, folder, 1)
    assert "known.g.fact-" in message and "= g.fact-" in message


def test_leaks_are_found_at_each_level(folder: Path) -> None:
    plan = run.plan(settings(), folder, seed=1)
    copied = plan.known[0].question
    planted = plan.train[0].model_copy(update={"messages": chat("", copied, "x")})
    trained = plan.train[0].model_copy(update={"group": plan.unknown[0].group})
    exact = run.find_leaks(type(plan)((planted,), plan.known, plan.unknown, (), (), {}))
    group = run.find_leaks(type(plan)((trained,), plan.known, plan.unknown, (), (), {}))
    assert [leak.level for leak in exact.blocking] == ["exact"]
    assert {leak.level for leak in group.blocking} == {"group"}
    assert run.find_leaks(plan).blocking == []


def test_a_leak_behind_a_passage_is_found(folder: Path) -> None:
    plan = run.plan(settings(), folder, seed=1)
    prompt = with_context(plan.known[0].question, ["The Horned God is of bronze."])
    planted = plan.train[0].model_copy(update={"messages": chat("", prompt, "x")})
    found = run.find_leaks(type(plan)((planted,), plan.known, (), (), (), {}))
    assert found.blocking


def test_eight_words_in_a_row_are_a_leak_but_a_long_name_is_not(folder: Path) -> None:
    plan = run.plan(settings(), folder, seed=1)
    name = "very long name of one old exhibit here"
    question = plan.known[0].model_copy(
        update={"question": f"Where is the {name} now?", "group_name": name}
    )
    alike = plan.train[0].model_copy(
        update={"messages": chat("", f"Tell us where is the {name} now, please", "x")}
    )
    assert run.find_leaks(type(plan)((alike,), (question,), (), (), (), {})).blocking == []
    nameless = question.model_copy(update={"group_name": ""})
    found = run.find_leaks(type(plan)((alike,), (nameless,), (), (), (), {})).blocking
    assert [leak.level for leak in found] == ["8-gram"]


def write(path: Path, rows: list[dict[str, object]]) -> None:
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text(text, "utf-8")


def test_a_csv_of_ones_own_questions(tmp_path: Path) -> None:
    text = "question;answer;group\nГде идол?;В Никосии;идол\nГде хранится идол?;В Никосии;идол\n"
    (tmp_path / "q.csv").write_text(text, "utf-8")
    (fact,) = table.read(tmp_path / "q.csv", GuideSettings())
    assert fact.train == ("Где идол?",) and fact.test == ("Где хранится идол?",)
    assert fact.key == ("Никосии",)


def own(folder: Path, **columns: list[object]) -> tuple[Fact, ...]:
    """The facts of a table whose rows have these values; question and answer are made up."""
    rows = [
        {"question": f"Which one, {n}?", "answer": "Blue."}
        | {name: values[n] for name, values in columns.items()}
        for n in range(3)
    ]
    write(folder / "q.jsonl", rows)
    return table.read(folder / "q.jsonl", GuideSettings())


@pytest.mark.parametrize(
    ("said", "test"),
    [
        (["train", "test", "Test"], (1, 2)),
        (["Train", " TEST ", "train"], (1,)),
        (["test", "test", "tEsT"], (0, 1, 2)),
        (["", None, ""], (2,)),  # nothing is said: the last ones, as without the column
        (["train", "test", "validation"], "validation"),
        (["Train", "dev", "test"], "dev"),
        (["train", "test", ""], "''"),
        (["train", "test", None], "''"),
        (["tset", "train", "train"], "tset"),
        (["тест", "train", "train"], "тест"),
        ([0, 1, 1], "'0'"),
        (["train", "test", True], "bool"),
    ],
)
def test_a_split_is_read_in_any_case_or_refused_by_its_value(
    tmp_path: Path, said: list[object], test: tuple[int, ...] | str
) -> None:
    if isinstance(test, str):
        message = error(lambda: own(tmp_path, split=said))
        assert re.search(r"q\.jsonl:[123]: ", message) and test in message
        return
    (fact,) = own(tmp_path, split=said, group=["g"] * 3)
    assert fact.test == tuple(f"Which one, {n}?" for n in test)


@pytest.mark.parametrize(
    ("groups", "names"),
    [
        ([0, 0, 1], ("0", "1")),
        (["0", 0, "0 "], ("0",)),
        ([0.5, 0.5, -1], ("0.5", "-1")),
        (["a", "", None], ("a", "q-2", "q-3")),
        ([False, True, True], "bool"),
        ([["a"], "a", "a"], "list"),
    ],
)
def test_a_group_may_be_a_number_and_nought_is_one(
    tmp_path: Path, groups: list[object], names: tuple[str, ...] | str
) -> None:
    if isinstance(names, str):
        assert names in error(lambda: own(tmp_path, group=groups))
        return
    assert tuple(dict.fromkeys(fact.group for fact in own(tmp_path, group=groups))) == names


@pytest.mark.parametrize(
    ("answer", "key", "wanted"),
    [
        (1887, None, ("1887",)),
        (0, 0, ("0",)),
        (24, [24], ("24",)),
        (2.5, "2.5; metres", ("2.5", "metres")),
        ("In 1887.", 1887, ("1887",)),
        ("In 1887.", [1887, "stone"], ("1887", "stone")),
        ("In 1887.", ["1887 | the year 1887"], ("1887 | the year 1887",)),
        ("In 1887.", "", ("1887",)),
        ("In 1887.", [], ("1887",)),
        ("In 1887.", float("nan"), ("1887",)),
        ("In 1887.", {"year": 1887}, "dict"),
        ("In 1887.", [True], "bool"),
        (True, None, "bool"),
        ("Half \ud83d", None, "surrogate"),
        ("", None, "empty"),
        (float("nan"), None, "empty"),
    ],
)
def test_numbers_where_texts_are_expected_are_written_out(
    tmp_path: Path, answer: object, key: object, wanted: tuple[str, ...] | str
) -> None:
    (tmp_path / "q.jsonl").write_text(json.dumps({"question": "?", "answer": answer, "key": key}))
    if isinstance(wanted, str):
        assert wanted in error(lambda: table.read(tmp_path / "q.jsonl", GuideSettings()))
        return
    (fact,) = table.read(tmp_path / "q.jsonl", GuideSettings())
    assert fact.key == wanted and fact.answer == str(answer)


@pytest.mark.parametrize("place", ["-", "/dev/stdin", ".", "pipe"])
def test_questions_are_a_file_that_stays(tmp_path: Path, place: str, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    assert "name a file" in error(lambda: table.read(Path(place), GuideSettings()))


def test_questions_to_decline_name_their_split_in_any_case(tmp_path: Path) -> None:
    path = tmp_path / "safety.jsonl"
    for said in ("test", "Test", " TRAIN "):
        write(path, [{"question": "?", "answer": "No.", "split": said}])
        assert read_rows(path, SafetyRow)[0].split == said.strip().lower()
    for said in ("validation", "", "tst", 0, None):
        write(path, [{"question": "?", "answer": "No.", "split": said}])
        assert "split" in (message := error(lambda: read_rows(path, SafetyRow)))
        assert said is None or repr(said) in message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("question,reply\na,b\n", "no column 'answer'"),
        ("question,answer\na,\n", "'answer' is empty"),
        ("question,answer\na,b,c\n", "3 cells"),
    ],
)
def test_a_bad_csv_names_the_line(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "q.csv").write_text(text, "utf-8")
    message = error(lambda: table.read(tmp_path / "q.csv", GuideSettings()))
    assert "q.csv:2" in message and expected in message


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_shipped_catalogues_are_sound(museum: Path, language: str) -> None:
    corpus = catalogue.read_catalogue(
        museum / f"catalogue.{language}.yaml", museum / f"phrasings.{language}.yaml", []
    )
    assert len(corpus.groups) >= 40
    assert {"material", "period", "site", "place", "use"} <= {f.attribute for f in corpus.facts}
    assert all(len(f.train) + len(f.test) >= 4 for f in corpus.facts)
    texts = {p.id: p.text for p in corpus.passages}
    assert all(contains(texts[f.group], item) for f in corpus.facts for item in f.key)


def test_texts_leave_this_machine_only_where_the_recipe_says_so() -> None:
    url = "https://api.example.com/v1"
    with pytest.raises(InputError) as caught:
        run.allowed(EmbeddingsSettings(base_url=url, model="m"))
    told = str(caught.value)
    assert caught.value.key == "client.outside_host"
    assert "data.embeddings.base_url" in told and "api.example.com" in told
    trusted = EmbeddingsSettings(base_url=url, model="m", trusted_hosts=["api.example.com"])
    assert run.allowed(trusted).base_url == url
    open_settings = EmbeddingsSettings(base_url=url, model="m", leaves_machine=True)
    assert run.allowed(open_settings).model == "m"
    bad = EmbeddingsSettings(base_url="https://me:secret@localhost/v1", model="m")
    with pytest.raises(InputError) as caught:
        run.allowed(bad)
    assert "secret" not in str(caught.value)


def test_the_section_is_optional_and_holds_no_key() -> None:
    assert GuideSettings().embeddings is None
    tree = json.loads('{"embeddings": {"base_url": "http://localhost:1/v1", "model": "m"}}')
    found = GuideSettings.model_validate(tree).embeddings
    assert found is not None and found.api_key_env == ""
    for wrong in ({"model": ""}, {"api_key": "sk"}, {"api_key_env": "sk-secret"}):
        with pytest.raises(ValidationError):
            GuideSettings.model_validate({"embeddings": tree["embeddings"] | wrong})


def own_facts(folder: Path, facts: dict[str, str]) -> Plan:
    """A plan of one group whose facts are asked in two wordings each."""
    rows = [
        {"question": f"{asked}{mark}", "answer": answer, "group": "pump", "key": "x"}
        for answer, asked in facts.items()
        for mark in ("?", ", and how?")
    ]
    write(folder / "q.jsonl", [dict(row) for row in rows])
    own = GuideSettings(questions=Path("q.jsonl"), known_groups=1, unknown_groups=0)
    return run.plan(own, folder, 1)


def test_two_facts_of_one_group_have_ids_of_their_own(tmp_path: Path) -> None:
    facts = {"It weighs 20 kg.": "What does it weigh", "It is made in Kaluga.": "Where is it made"}
    plan = own_facts(tmp_path, facts)
    for rows in (plan.train, plan.known):
        assert len({row.id for row in rows}) == len(rows) == 2
    more = own_facts(tmp_path, {"It lasts a year.": "How long does it last"} | facts)
    assert {q.id: q.answer for q in plan.known}.items() <= {
        q.id: q.answer for q in more.known
    }.items()


def test_ids_that_stand_twice_stop_the_plan(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(Fact, "name", "fact")
    facts = {"It weighs 20 kg.": "What does it weigh", "It is made in Kaluga.": "Where is it made"}
    assert "pump.fact.0 stands here twice" in error(own_facts, tmp_path, facts)


@pytest.mark.parametrize(
    ("question", "answer", "key"),
    [
        ("Гарантия насоса НК-32/125?", "Гарантия на НК-32/125 — 24 месяца.", ("24",)),
        ("Гарантия на этот насос?", "Гарантия на НК-32/125 — 24 месяца.", ("32", "125", "24")),
        ("Какой корпус у НК-32/125?", "Корпус НК-32/125 отлит из чугуна.", ("чугуна",)),
        ("Где Никосия на карте?", "Никосии нет на карте острова.", ("острова",)),
        ("Где собран насос?", "Насос собран в Калуге.", ("Калуге",)),
        ("Сколько действует гарантия?", "24 месяца.", ("24",)),
        ("Цена НК-2,2?", "Насос НК-2.2 стоит 3,000 рублей.", ("3,000",)),
        ("Сколько весит П-20?", "П-20 весит 120 кг.", ("120",)),
        ("Who made the Zeus Krater?", "The Zeus Krater was made by Anna Berg.", ("Anna", "Berg")),
        ("Is it open?", "Yes.", ("yes",)),
        ("Is it open?", "It is open.", ()),
    ],
)
def test_a_key_taken_from_the_answer_holds_nothing_that_the_question_gives(
    question: str, answer: str, key: tuple[str, ...]
) -> None:
    assert table.derived_key(answer, [question]) == key


def test_what_any_wording_gives_is_no_key(tmp_path: Path) -> None:
    rows = [
        {"question": "Гарантия НК-32?", "answer": "На НК-32 гарантия 24 месяца.", "group": "a"},
        {"question": "Сколько она служит?", "answer": "На НК-32 гарантия 24 месяца.", "group": "a"},
        {"question": "Цвет?", "answer": "Он зелёный.", "group": "a", "key": "зелён*"},
    ]
    write(tmp_path / "q.jsonl", [dict(row) for row in rows])
    first, second = table.read(tmp_path / "q.jsonl", GuideSettings())
    assert (first.key, first.key_derived) == (("24",), True)
    assert (second.key, second.key_derived) == (("зелён*",), False)
