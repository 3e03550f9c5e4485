"""The compare stage of rows against a real local server: verdicts, resumption, what goes wrong."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from answering import Answer, Answering, answering
from made_up_rows import PROMPTS, base_says, losses, rows, tuned_says, write

from kamerton.experiment.rows import compare_rows
from kamerton.experiment.settings import ExperimentSettings, Hypothesis
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import read_rows
from kamerton.formats.scores import Comparison, Sample, Summary

SETTINGS = ExperimentSettings(prompts=PROMPTS, resamples=500, answer_tokens=24)


def says(arm: str, turns: list[dict[str, str]]) -> Answer:
    return (base_says if arm == "base" else tuned_says)(turns[-1]["content"])


@pytest.fixture
def server() -> Iterator[Answering]:
    with answering(["base", "ru"], says) as running:
        yield running


@pytest.fixture
def trip(tmp_path: Path) -> tuple[Path, Path]:
    known = rows()
    return write(tmp_path, known, losses(known))


def compare(
    trip: tuple[Path, Path], url: str, out: Path, settings: ExperimentSettings = SETTINGS
) -> Summary:
    compare_rows(settings, "ru", *trip, f"{url}/v1", out, seed=5, slots=3)
    return Summary.model_validate_json((out / "summary.json").read_text())


def by_criterion(found: Summary) -> dict[str, Comparison]:
    return {comparison.criterion: comparison for comparison in found.comparisons}


def test_loss_is_the_primary_family_and_form_the_secondary(
    server: Answering, trip: tuple[Path, Path], tmp_path: Path
) -> None:
    found = compare(trip, server.url, tmp_path / "out")
    assert [c.family for c in found.comparisons] == ["primary"] + ["secondary"] * 3
    by = by_criterion(found)
    assert set(by) == {"log_likelihood", "script", "ended", "role_marks"}
    assert {c.verdict for c in found.comparisons} == {"better"}
    assert by["log_likelihood"].questions == 30
    smallest = min((by[name] for name in ("script", "ended", "role_marks")), key=lambda c: c.p)
    assert smallest.p_holm == pytest.approx(3 * smallest.p)
    assert (found.arms, found.seed, found.claims_verdict) == (["base", "ru"], 5, True)


def test_tests_rest_on_held_out_prompts_and_shares_are_told_of_both_sets(
    server: Answering, trip: tuple[Path, Path], tmp_path: Path
) -> None:
    found = compare(trip, server.url, tmp_path / "out")
    form = [c for c in found.comparisons if c.family == "secondary"]
    assert {(c.held_out, c.questions, c.groups) for c in form} == {("rows", 30, 10)}
    counted = {(c.held_out, c.questions) for c in found.cells if c.criterion == "script"}
    assert counted == {("rows", 30), ("prompts", 4)}
    samples = read_rows(tmp_path / "out" / "samples.jsonl", Sample)
    assert len(samples) == 2 * 34
    assert {frozenset(s.scores) for s in samples} == {frozenset({"script", "ended", "role_marks"})}


def test_prompts_are_sent_greedily_with_all_their_turns(
    server: Answering, trip: tuple[Path, Path], tmp_path: Path
) -> None:
    compare(trip, server.url, tmp_path / "out")
    first = server.bodies[0]
    assert (first["temperature"], first["max_tokens"]) == (0, 24)
    roles = {tuple(turn["role"] for turn in body["messages"]) for body in server.bodies}
    assert roles == {("user",), ("system", "user")}
    asked = {body["messages"][-1]["content"] for body in server.bodies}
    assert set(PROMPTS) < asked


def test_a_second_start_asks_nothing_and_another_system_turn_is_asked_anew(
    server: Answering, trip: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    first = compare(trip, server.url, out)
    asked = len(server.bodies)
    assert compare(trip, server.url, out) == first
    assert len(server.bodies) == asked
    held_out = trip[0] / "held_out.jsonl"
    held_out.write_text(held_out.read_text().replace("Отвечай кратко.", "Отвечай длинно."))
    compare(trip, server.url, out)
    assert len(server.bodies) > asked
    again = [body["messages"] for body in server.bodies[asked:]]
    assert {messages[0]["content"] for messages in again} == {"Отвечай длинно."}


def test_a_prompt_that_one_arm_has_no_room_for_is_left_out_for_both(
    trip: tuple[Path, Path], tmp_path: Path
) -> None:
    def narrow(arm: str, turns: list[dict[str, str]]) -> Answer:
        too_long = arm == "ru" and turns[-1]["content"] == "Что такое сад?"
        return None if too_long else says(arm, turns)

    with answering(["base", "ru"], narrow) as server:
        compare(trip, server.url, tmp_path / "out")
    samples = read_rows(tmp_path / "out" / "samples.jsonl", Sample)
    assert len(samples) == 2 * 33
    assert "Что такое сад?" not in {sample.question for sample in samples}


def test_no_more_than_the_wanted_held_out_prompts_are_asked(
    server: Answering, trip: tuple[Path, Path], tmp_path: Path
) -> None:
    settings = SETTINGS.model_copy(update={"held_out_prompts": 7, "prompts": []})
    found = compare(trip, server.url, tmp_path / "out", settings)
    assert by_criterion(found)["script"].questions == 7
    assert by_criterion(found)["log_likelihood"].questions == 30


@pytest.mark.parametrize(
    ("leaks", "why"),
    [(None, "leaks_missing"), ({"blocking": [{"held_out": "a"}]}, "leaks_blocking: 1")],
)
def test_without_a_clean_leak_report_nothing_is_claimed(
    server: Answering, trip: tuple[Path, Path], tmp_path: Path, leaks: object, why: str
) -> None:
    path = trip[0] / "leaks.json"
    path.unlink()
    if leaks:
        path.write_text(json.dumps(leaks))
    found = compare(trip, server.url, tmp_path / "out")
    assert (found.claims_verdict, found.why_no_verdict) == (False, why)
    assert {c.verdict for c in found.comparisons} == {"not enough evidence"}
    assert by_criterion(found)["log_likelihood"].effect.low > 0, "the figures stay"


def test_two_arms_that_answer_alike_are_not_told_apart(
    trip: tuple[Path, Path], tmp_path: Path
) -> None:
    with answering(["base", "ru"], lambda arm, turns: says("ru", turns)) as server:
        found = compare(trip, server.url, tmp_path / "out")
    form = [c for c in found.comparisons if c.family == "secondary"]
    assert {(c.effect.mean, c.p) for c in form} == {(0.0, 1.0)}
    assert "better" not in {c.verdict for c in form}


def test_a_training_that_left_no_losses_is_judged_by_form_alone(
    server: Answering, tmp_path: Path
) -> None:
    trip = write(tmp_path, rows(), [])
    found = compare(trip, server.url, tmp_path / "out")
    assert {c.family for c in found.comparisons} == {"secondary"}
    assert "log_likelihood" not in {cell.criterion for cell in found.cells}


def test_losses_alone_need_no_server(tmp_path: Path) -> None:
    known = rows()
    data, tune = write(tmp_path, known, losses(known))
    (data / "held_out.jsonl").unlink()
    settings = ExperimentSettings(resamples=500)
    found = compare((data, tune), "http://127.0.0.1:9", tmp_path / "out", settings)
    assert [c.criterion for c in found.comparisons] == ["log_likelihood"]
    assert found.comparisons[0].verdict == "better"


def test_with_nothing_to_compare_the_user_is_told_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with pytest.raises(InputError, match=r"data: there is nothing to compare.*data\.held_out"):
        compare(
            (tmp_path / "data", tmp_path),
            "http://127.0.0.1:9",
            tmp_path / "out",
            ExperimentSettings(),
        )


def test_an_arm_that_is_not_served_is_named(trip: tuple[Path, Path], tmp_path: Path) -> None:
    with answering(["base"], says) as server, pytest.raises(InputError, match="does not offer ru"):
        compare(trip, server.url, tmp_path / "out")


def test_several_adapters_are_compared_with_the_base_in_one_family(
    trip: tuple[Path, Path], tmp_path: Path
) -> None:
    settings = SETTINGS.model_copy(update={"arms": ["base", "ru", "code"]})
    with answering(["base", "ru", "code"], says) as server:
        found = compare(trip, server.url, tmp_path / "out", settings)
    form = [c for c in found.comparisons if c.family == "secondary"]
    assert [c.arm for c in form] == ["ru"] * 3 + ["code"] * 3
    assert {c.against for c in form} == {"base"}
    # Nobody knows whether "code" was trained on these rows.
    assert (found.claims_verdict, found.why_no_verdict) == (False, "leaks_others: code")
    assert {c.verdict for c in found.comparisons} == {"not enough evidence"}


def test_declared_hypotheses_are_refused_and_not_passed_over(
    server: Answering, trip: tuple[Path, Path], tmp_path: Path
) -> None:
    declared = Hypothesis(name="mine", arm="ru", against="base", held_out="rows")
    settings = SETTINGS.model_copy(update={"hypotheses": [declared]})
    with pytest.raises(InputError, match=r"experiment\.hypotheses: rows recipes"):
        compare(trip, server.url, tmp_path / "out", settings)
    assert server.bodies == []


@pytest.mark.parametrize("primary", ["chrf", "script"])
def test_the_verdict_can_rest_on_any_criterion_of_the_answers(
    server: Answering, trip: tuple[Path, Path], tmp_path: Path, primary: str
) -> None:
    settings = SETTINGS.model_copy(update={"primary": primary})
    found = compare(trip, server.url, tmp_path / "out", settings)
    (declared,) = [c for c in found.comparisons if c.family == "primary"]
    assert (declared.criterion, declared.held_out, declared.groups) == (primary, "rows", 10)
    assert declared.verdict == "better" and declared.effect.low > 0
    told = {c.criterion: c.family for c in found.comparisons}
    assert told["log_likelihood"] == "secondary" and set(told) >= {"ended", "role_marks"}
    rowless = settings.model_copy(update={"held_out_prompts": 0})
    with pytest.raises(InputError, match=f"rest on {primary}"):
        compare(trip, server.url, tmp_path / "other", rowless)
