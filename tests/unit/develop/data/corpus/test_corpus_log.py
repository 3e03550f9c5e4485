"""The change log: written, read, undone; what a mask hides stands nowhere in it."""

import gzip
from pathlib import Path

import pytest

from kamerton.develop.data.clean.repair import repair
from kamerton.develop.data.corpus.cleaning import clean
from kamerton.develop.data.corpus.log import BLACK, name, read, read_text, restored
from kamerton.develop.settings import CorpusSettings
from kamerton.develop.settings.data import ALL_REPAIRS
from kamerton.documents.files import Document

SOURCE = "Аннa..... сказала:\r\n-- Пишите на ivan.petrov@example.ru!!!!\r\n* * *\r\nКонец."


def settings(**changes: object) -> CorpusSettings:
    tree = {"kind": "corpus", "source": "x", "privacy": {"find": ["email", "phone"]}}
    return CorpusSettings.model_validate(tree | changes)


def cleaned(source: str, folder: Path, **changes: object) -> str:
    clean(Document("книга/a.txt", source, "x"), settings(**changes), folder)
    return read_text(folder, "книга/a.txt")


def test_a_log_is_read_as_it_was_written(tmp_path: Path) -> None:
    text = cleaned(SOURCE, tmp_path, privacy={"find": []})
    log = read(tmp_path, "книга/a.txt")
    tracked, changes = repair(SOURCE, list(ALL_REPAIRS))
    assert (text, log.document) == (tracked.text, "книга/a.txt")
    assert log.changes == tuple(changes) and log.masked == ()
    assert [(text[d.start : d.end], d.rule) for d in log.drops] == [("* * *", "too_short")]
    assert restored(tmp_path, "книга/a.txt") == SOURCE


def test_equal_texts_have_equal_logs_byte_by_byte(tmp_path: Path) -> None:
    for folder in (tmp_path / "one", tmp_path / "two"):
        folder.mkdir()
        cleaned(SOURCE, folder)
    one, two = (sorted(p.read_bytes() for p in (tmp_path / n).iterdir()) for n in ("one", "two"))
    assert one == two


def test_any_id_makes_a_file_name_and_no_two_the_same() -> None:
    ids = ["a/b.txt", "a_b.txt", "../x", "a" * 500, "книга.txt", "A/b.txt"]
    names = {name(document) for document in ids}
    assert len(names) == len(ids) and all(n.isalnum() and len(n) < 64 for n in names)


@pytest.mark.parametrize(
    "source",
    [
        "Пишите: +7 (916)\u00a0123-45-67, ждём.",
        "Почта ivan.petrov@example.ru дана.".encode().decode("cp1251"),
        "Почта ivаn.petrov@example.ru и cnова.",
        "Почта ivan.petrov@example.ru!!!!!! И тел. +7 (916) 123\u00ad-45-67.....",
        SOURCE,
    ],
)
def test_what_a_mask_hides_is_neither_in_the_text_nor_in_the_log(
    source: str, tmp_path: Path
) -> None:
    text = cleaned(source, tmp_path)
    log = gzip.decompress((tmp_path / f"{name('книга/a.txt')}.json.gz").read_bytes()).decode()
    assert "<EMAIL>" in text or "<PHONE>" in text
    for secret in ("petrov@example", "123-45-67", "(916)"):
        assert secret not in text and secret not in log
    back = restored(tmp_path, "книга/a.txt")
    assert len(back) == len(source) and BLACK in back
    assert all(one in (BLACK, letter) for one, letter in zip(back, source, strict=True))


def test_only_what_is_personal_is_black(tmp_path: Path) -> None:
    cleaned(SOURCE, tmp_path)
    back = restored(tmp_path, "книга/a.txt")
    address = "ivan.petrov@example.ru"
    assert back == SOURCE.replace(address, BLACK * len(address))


def test_a_finding_over_two_lines_takes_both(tmp_path: Path) -> None:
    source = "Раньше.\nВот паспорт 45 09\n123456 и всё.\nПосле."
    privacy = {"find": ["passport"], "action": "drop"}
    found = clean(Document("a", source, "x"), settings(privacy=privacy), tmp_path)
    assert found.drops["personal"].characters == len("Вот паспорт 45 09\n123456 и всё.")
    assert found.drops["personal"].samples == ()
    assert len(found.pieces) == 2


def test_a_masked_sentence_is_not_foreign_for_its_mask(tmp_path: Path) -> None:
    found = clean(Document("a", "Звони: +7 (916) 123-45-67!", "x"), settings(), tmp_path)
    assert read_text(tmp_path, "a") == "Звони: <PHONE>!" and found.drops == {}
