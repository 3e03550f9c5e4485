"""Templates: filled and checked, the same in both languages, shots before the request."""

import re
from pathlib import Path

import pytest

from kamerton.develop.data.synth import plan as prompts
from kamerton.develop.data.synth.briefs import check_fields
from kamerton.formats.brief import Brief
from kamerton.formats.errors import InputError

BRIEF = Brief(
    beginning="Добрый день!",
    task="собрать заявки",
    product="насос {Иволга}",
    facts=("напор 12 м", "шум 45 дБ"),
    audience="инженеры",
    channel="email",
    tone="деловой",
    about="Гоняет воду.",
)
SHOTS = """
- brief: {task: задача, product: таль, facts: [две тонны], audience: цеха, channel: %s, tone: т}
  text: Таль поднимает две тонны.
"""


@pytest.mark.parametrize("language", ["ru", "en"])
def test_the_teacher_sees_the_whole_brief_and_the_limits(language: str) -> None:
    system, user = prompts.teacher_chat(BRIEF, language, (300, 1500))
    assert (system.role, user.role) == ("system", "user")
    whole = [BRIEF.beginning, BRIEF.task, BRIEF.product, "- напор 12 м\n- шум 45 дБ"]
    whole += [BRIEF.audience, BRIEF.tone, BRIEF.about, "300", "1500"]
    assert [part for part in whole if part not in user.content] == []


@pytest.mark.parametrize("language", ["ru", "en"])
def test_a_client_does_not_tell_what_only_the_teacher_needs(language: str) -> None:
    rows = prompts.client_chat(BRIEF, language, "Ответ.")
    assert [turn.role for turn in rows] == ["system", "user", "assistant"]
    assert BRIEF.about not in rows[1].content and "1500" not in rows[1].content
    assert BRIEF.beginning in rows[1].content and "- шум 45 дБ" in rows[1].content


@pytest.mark.parametrize("language", ["ru", "en"])
def test_a_brief_without_beginning_does_not_speak_of_one(language: str) -> None:
    bare = BRIEF.model_copy(update={"beginning": "", "about": ""})
    for begun, without in zip(
        (prompts.teacher_chat(BRIEF, language, (1, 2)), prompts.client_chat(BRIEF, language)),
        (prompts.teacher_chat(bare, language, (1, 2)), prompts.client_chat(bare, language)),
        strict=True,
    ):
        missing = set(begun[1].content.splitlines()) - set(without[1].content.splitlines())
        assert all(BRIEF.beginning in line or BRIEF.about in line for line in missing)
        assert not re.search("нача|begin", without[1].content, re.IGNORECASE)


def test_both_languages_have_the_same_placeholders() -> None:
    for name in prompts.FORMS:
        found = [sorted(re.findall("{.*?}", prompts.template(name, lang))) for lang in ("ru", "en")]
        assert found[0] == found[1]
    assert prompts.channel_words("ru").keys() == prompts.channel_words("en").keys()
    assert set(prompts.channel_words("ru")) == {"site", "email", "social", "billboard"}


def test_the_hash_goes_by_every_template(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {prompts.template_hash("ru"), prompts.template_hash("en")}
    real = prompts.template
    for changed in prompts.FORMS:

        def other(name: str, language: str, changed: str = changed) -> str:
            return real(name, language) + ("!" if name == changed else "")

        monkeypatch.setattr(prompts, "template", other)
        before.add(prompts.template_hash("ru"))
    assert len(before) == 2 + len(prompts.FORMS)


@pytest.mark.parametrize(
    "text", ["{price}", "{task.__class__}", "{0}", "{}", "{task:>9}", "{task!r}", "{task", "task}"]
)
def test_a_template_may_only_use_known_names_plainly(text: str) -> None:
    with pytest.raises(InputError) as caught:
        check_fields(f"Задача: {text}", prompts.FIELDS, "own.txt")
    assert str(caught.value).startswith("own.txt")
    check_fields("Задача: {task}, {{task}}", prompts.FIELDS, "own.txt")


def test_shots_of_the_channel_stand_before_the_request(tmp_path: Path) -> None:
    path = tmp_path / "shots.yaml"
    path.write_text(SHOTS % "email" + SHOTS % "site", "utf-8")
    shots = prompts.read_shots(path, [BRIEF])
    turns = prompts.teacher_chat(BRIEF, "ru", (300, 1500), shots)
    assert [turn.role for turn in turns] == ["system", "user", "assistant", "user"]
    assert turns[2].content == "Таль поднимает две тонны."
    assert turns[3] == prompts.teacher_chat(BRIEF, "ru", (300, 1500))[1]


def test_a_shot_of_a_product_of_the_briefs_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "shots.yaml"
    path.write_text(SHOTS % "email", "utf-8")
    same = BRIEF.model_copy(update={"product": "Таль"})
    with pytest.raises(InputError, match=re.escape("таль")):
        prompts.read_shots(path, [same])
