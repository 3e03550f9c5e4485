"""Whether a base speaks the language of texts: by its maker's card, else by its tokenizer."""

from pathlib import Path

import pytest

from kamerton.develop import hub

RUSSIAN = "Сундук сделали в деревне из дуба и железа, он стоит в первом зале."
ENGLISH = "The chest was made of oak and iron, it stands in the first hall."


@pytest.mark.parametrize(
    ("languages", "text", "unspoken"),
    [
        ("[en]", RUSSIAN, "ru"),
        ("[en]", ENGLISH, None),
        ("en", RUSSIAN, "ru"),
        ("ru", RUSSIAN, None),
        ("[ru]", ENGLISH, "en"),
        ("[en, ru]", RUSSIAN, None),
        ("[RU]", RUSSIAN, None),
        ("[rus]", RUSSIAN, None),
        ("[russian]", RUSSIAN, None),
        ("[multilingual]", RUSSIAN, None),
        ("[de, fr, multilingual]", RUSSIAN, None),
        ("[no, zh]", RUSSIAN, "ru"),
    ],
)
def test_the_card_of_a_base_decides(
    languages: str, text: str, unspoken: str | None, tmp_path: Path
) -> None:
    (tmp_path / "README.md").write_text(f"---\nlanguage: {languages}\n---\n# A base\n")
    assert hub.unspoken(str(tmp_path), [text]) == unspoken


@pytest.mark.parametrize(("text", "unspoken"), [(RUSSIAN, "ru"), (ENGLISH, None), ("", None)])
def test_the_embedded_base_speaks_english(text: str, unspoken: str | None) -> None:
    assert hub.unspoken(hub.EMBEDDED, [text]) == unspoken


@pytest.mark.parametrize("card", ["", "---\nlicense: mit\n---\n", "# A base, no more"])
def test_without_languages_on_the_card_the_tokenizer_decides(
    card: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if card:
        (tmp_path / "README.md").write_text(card)

    class Letters:
        """English words are one token each, Russian letters too."""

        def encode(self, text: str, add_special_tokens: bool) -> list[str]:
            return text.split() if text.isascii() else list(text)

    monkeypatch.setattr(hub, "load_tokenizer", lambda base: Letters())
    assert hub.unspoken(str(tmp_path), [RUSSIAN, RUSSIAN]) == "ru"
    assert hub.unspoken(str(tmp_path), [ENGLISH, ENGLISH]) is None
