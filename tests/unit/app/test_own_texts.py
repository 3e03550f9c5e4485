"""`kamerton init` reads what offices have, and says what it made and what it left out."""

import gzip
import io
import json
from pathlib import Path

import docx
import openpyxl
import pytest
import yaml
from pypdf import PdfWriter

from command_line import call
from kamerton.app.own_texts import _held_out_groups
from kamerton.app.recipe import resolve
from kamerton.develop.data.guide import table

Capture = pytest.CaptureFixture[str]
HEAD = ("Вопрос", "Ответ", "Экспонат")
GROUP = ("--group-column", "Экспонат")
ROWS = [
    (f"{start} {thing}?", f"Этот предмет сделан в {1700 + number} году.", thing)
    for number, thing in enumerate(("сундук", "сани", "ковш"))
    for start in ("Когда сделан", "Какого года", "Год изготовления:")
]
TEXT = "Сундук стоит в первом зале. Сани стоят во втором зале."


def separated(mark: str, encoding: str, head: tuple[str, ...] = HEAD) -> bytes:
    return "\r\n".join(mark.join(row) for row in (head, *ROWS)).encode(encoding)


def objects(*names: str) -> list[dict[str, str]]:
    return [dict(zip(names, row, strict=True)) for row in ROWS]


def lines(*names: str) -> bytes:
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in objects(*names)).encode()


def workbook(*above: str) -> bytes:
    book, stream = openpyxl.Workbook(), io.BytesIO()
    for row in (*((title,) for title in above), HEAD, *ROWS):
        book.active.append(row)
    book.save(stream)
    return stream.getvalue()


TABLES: dict[str, bytes] = {
    "cp1251.csv": separated(";", "cp1251"),
    "utf16.csv": separated("\t", "utf-16"),
    "utf16be.csv": b"\xfe\xff" + separated(";", "utf-16-be"),
    "bom.csv": separated(",", "utf-8-sig"),
    "koi8.csv": separated(";", "koi8-r"),
    "upper.csv": separated(";", "cp1251", ("ВОПРОС", "ОТВЕТ", "Экспонат")),
    "spaces.csv": separated(",", "utf-8", (" Вопрос ", " Ответ", "Экспонат")),
    "table.tsv": separated("\t", "cp1251"),
    "packed.csv.gz": gzip.compress(separated(";", "cp1251")),
    "book.xlsx": workbook(),
    "titled.xlsx": workbook("Вопросы к экспонатам"),
    "rows.jsonl": lines(*HEAD),
    "english.jsonl": lines("question", "answer", "Экспонат"),
    "rows.json": json.dumps(objects(*HEAD)).encode(),
    "Вопросы: зал №1.csv": separated(";", "cp1251"),
}


def documents(folder: Path) -> Path:
    place = folder / "texts"
    place.mkdir(parents=True)
    (place / "a.txt").write_text(TEXT, "cp1251")
    return place


def init(folder: Path, name: str, data: bytes, *more: str) -> int:
    place = folder / "texts"
    place = place if place.exists() else documents(folder)
    (folder / name).write_bytes(data)
    sources = ["--documents", str(place), "--questions", str(folder / name)]
    return call("init", str(folder / "made"), *sources, *more)


@pytest.mark.parametrize("name", TABLES)
def test_every_table_of_an_office_gives_the_same_facts(
    name: str, tmp_path: Path, capsys: Capture
) -> None:
    assert init(tmp_path, name, TABLES[name], *GROUP) == 0
    told = capsys.readouterr().out
    assert "questions: 9 wordings of 3 facts about 3 groups" in told
    data = resolve(tmp_path / "made" / "recipe.yaml").data
    assert data.kind == "guide" and data.questions is not None
    facts = table.read(tmp_path / "made" / data.questions, data)
    assert [(f.group, f.key) for f in facts] == [
        ("сундук", ("1700",)),
        ("сани", ("1701",)),
        ("ковш", ("1702",)),
    ]
    assert data.system == "Отвечайте одним коротким предложением."


def test_key_and_split_have_columns_of_their_own(tmp_path: Path) -> None:
    head = (*HEAD, "Слово", "Часть")
    rows = [(*row, "170*", "test" if "Год" in row[0] else "train") for row in ROWS]
    data = "\n".join(";".join(row) for row in (head, *rows)).encode("cp1251")
    assert init(tmp_path, "q.csv", data, *GROUP, "--key-column", "Слово") == 0
    tree = yaml.safe_load((tmp_path / "made" / "recipe.yaml").read_text("utf-8"))
    assert (tree["data"]["key_column"], tree["data"]["split_column"]) == ("Слово", "Часть")
    settings = resolve(tmp_path / "made" / "recipe.yaml").data
    assert settings.kind == "guide"
    facts = table.read(tmp_path / "made" / "q.csv", settings)
    assert {(fact.key, len(fact.train), len(fact.test)) for fact in facts} == {(("170*",), 2, 1)}


@pytest.mark.parametrize(
    ("head", "options", "told"),
    [
        (("Текст", "Ответ", "x"), [], "no column question (there are: Текст, Ответ, x)"),
        (("Вопрос", "Итог", "x"), [], "--answer-column"),
        (HEAD, ["--group-column", "Товар"], "no column Товар"),
        (HEAD, ["--question-column", "вопросы"], "--question-column"),
        (HEAD, ["--split-column", "Часть"], "--split-column"),
    ],
)
def test_a_column_that_is_not_there_is_named_with_its_option(
    head: tuple[str, ...], options: list[str], told: str, tmp_path: Path, capsys: Capture
) -> None:
    assert init(tmp_path, "q.csv", separated(";", "cp1251", head), *options) == 2
    error = capsys.readouterr().err
    assert told in error and "q.csv:2" in error
    assert not (tmp_path / "made").exists() and not list(tmp_path.glob(".made*"))


def test_a_table_without_groups_and_columns_that_are_not_used_are_told(
    tmp_path: Path, capsys: Capture
) -> None:
    rows = [(*row[:2], "Иванова", "test" if n % 3 == 2 else "train") for n, row in enumerate(ROWS)]
    head = ("Вопрос", "Ответ", "Хранитель", "Часть")
    data = "\n".join(";".join(row) for row in (head, *rows)).encode("cp1251")
    assert init(tmp_path, "q.csv", data) == 0
    told = capsys.readouterr().out
    assert "9 wordings of 9 facts about 9 groups" in told and "--group-column" in told
    assert "columns that are not used: Хранитель" in told


def scan() -> bytes:
    made, stream = PdfWriter(), io.BytesIO()
    made.add_blank_page(100, 100)
    made.write(stream)
    return stream.getvalue()


def word() -> bytes:
    made, stream = docx.Document(), io.BytesIO()
    made.add_heading("Музей", 1)
    made.add_paragraph(TEXT)
    row = made.add_table(rows=1, cols=2).rows[0].cells
    row[0].text, row[1].text = "Ковш", "1702"
    made.save(stream)
    return stream.getvalue()


FILES: dict[str, tuple[bytes, str]] = {
    "каталог.docx": (word(), ""),
    "фонды.xlsx": (workbook(), ""),
    "зал/заметки.md": (TEXT.encode(), ""),
    "страница.HTM": (f"<p>{TEXT}</p>".encode("cp1251"), ""),
    "старое.doc": (b"\xd0\xcf\x11\xe0", "files of this kind are not read"),
    "фото.jpg": (b"\xff\xd8", "files of this kind are not read"),
    "цены.csv": (b"a,b\n", "files of this kind are not read"),
    "скан.pdf": (scan(), "probably a scan"),
    "битый.docx": (b"PK\3\4", "no whole DOCX"),
    "битый.xlsx": (b"PK\3\4", "no whole XLSX"),
    "не текст.txt": (b"\x7fELF" + bytes(64), "this is no text"),
    "пустой.docx": (workbook(), "no whole DOCX"),
}


def test_every_file_is_read_or_told_with_its_reason(tmp_path: Path, capsys: Capture) -> None:
    place = documents(tmp_path)
    for name, (data, _) in FILES.items():
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_bytes(data)
    for name in (".git/x.txt", "~$каталог.docx", ".DS_Store"):
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_bytes(b"x")
    assert init(tmp_path, "texts/q.csv", separated(";", "cp1251"), *GROUP) == 0
    told = capsys.readouterr().out.splitlines()
    left_out = [line for line in told if line.startswith("left out: ")]
    for name, (_, why) in FILES.items():
        assert any(name in line and why in line for line in left_out) == bool(why), name
    assert any("q.csv (these are the questions)" in line for line in left_out)
    assert not any("~$" in line or ".git" in line for line in told)
    copied = tmp_path / "made" / "documents"
    read = {str(p.relative_to(copied)) for p in copied.rglob("*") if p.is_file()}
    assert read == {"a.txt", *(name for name, (_, why) in FILES.items() if not why)}
    assert told[1].startswith("documents: 5, cut into ")


@pytest.mark.parametrize("name", ["старое.doc", "скан.pdf", "битый.docx"])
def test_one_document_that_cannot_be_read_is_an_error(
    name: str, tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / name).write_bytes(FILES[name][0])
    assert init(tmp_path, "q.csv", separated(";", "cp1251"), *GROUP) == 2
    assert name in (told := capsys.readouterr().err) and FILES[name][1] in told
    assert not (tmp_path / "made").exists()


def test_a_single_file_is_a_source_too(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "one.docx").write_bytes(word())
    (tmp_path / "q.csv").write_bytes(separated(";", "cp1251"))
    sources = ["--documents", str(tmp_path / "one.docx"), "--questions", str(tmp_path / "q.csv")]
    assert call("init", str(tmp_path / "made"), *sources, *GROUP) == 0
    assert (tmp_path / "made" / "documents" / "one.docx").is_file()


@pytest.mark.parametrize(
    ("groups", "unknown"),
    [(1, 0), (2, 0), (3, 1), (6, 2), (7, 0), (8, 1), (9, 2), (12, 4), (14, 7), (18, 7), (30, 10)],
)
def test_each_side_has_the_groups_of_a_verdict_where_it_can(groups: int, unknown: int) -> None:
    assert _held_out_groups(groups) == unknown


def test_a_recipe_has_a_smoke_preset_and_speaks_the_language_in_force(
    tmp_path: Path, capsys: Capture
) -> None:
    assert init(tmp_path, "q.csv", separated(";", "cp1251"), *GROUP, "--lang", "ru") == 0
    told, path = capsys.readouterr().out, tmp_path / "made" / "recipe.yaml"
    assert "Сделано командой kamerton init" in path.read_text("utf-8")
    assert not resolve(path, "smoke").experiment.claims_verdict
    assert "база SmolLM2-135M-Instruct не знает языка этих текстов (русский)" in told
    for part in ("документы: 1", "групп 3", "столбцы: вопрос «Вопрос»", "обучаются: групп 2"):
        assert part in told


def test_a_large_table_gets_room_for_its_rows(tmp_path: Path, capsys: Capture) -> None:
    rows = [
        f"{start} {what} предмета {group}?;Это {what} {group}.;п{group}"
        for group in range(130)
        for what in ("номер", "место")
        for start in ("Каков", "Назовите", "Скажите")
    ]
    table = "\n".join(["Вопрос;Ответ;group", *rows]).encode("cp1251")
    assert init(tmp_path, "q.csv", table) == 0
    assert "trained: 87 groups with 348 rows" in capsys.readouterr().out
    data = resolve(tmp_path / "made" / "recipe.yaml").data
    assert data.kind == "guide" and data.max_train_rows == 348
