"""Workbooks: their cells as text, which sheets and rows are taken, and files that are none."""

import io
import zipfile
from collections.abc import Callable
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from kamerton.documents import office
from kamerton.documents.files import read_documents
from kamerton.documents.tables import read_table
from kamerton.formats.errors import InputError


def packed(*sheets: list[list[Any]], change: Callable[[Any], None] = lambda book: None) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for number, rows in enumerate(sheets, start=1):
        sheet = book.create_sheet(f"Лист{number}")
        for row in rows:
            sheet.append(row)
    change(book)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def key(call: Any, data: bytes) -> str:
    with pytest.raises(InputError) as caught:
        call(data, "a.xlsx")
    assert str(caught.value).startswith("a.xlsx")
    return caught.value.key


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        ("  дуб ", "", "дуб"),
        (24, "", "24"),
        (24.0, "", "24"),
        (34.5, "", "34.5"),
        (0.1 + 0.2, "", "0.3"),
        (1_250_000, "# ##0", "1250000"),
        (0.15, "0%", "15%"),
        (0.005, "0.0%", "0.5%"),
        (True, "", "True"),
        (date(1902, 5, 1), "DD.MM.YYYY", "1902-05-01"),
        (datetime(1902, 5, 1, 12, 30), "", "1902-05-01 12:30:00"),
        (time(9, 15), "", "09:15:00"),
    ],
)
def test_a_cell_is_text_as_it_is_shown(value: Any, form: str, text: str) -> None:
    def formatted(book: Any) -> None:
        if form:
            book.worksheets[0]["B1"].number_format = form

    (sheet,) = office.xlsx(packed([["x", value]], change=formatted), "a.xlsx")
    assert sheet.rows == [(1, ["x", text])]


def test_empty_rows_and_hidden_and_empty_sheets_are_left_out() -> None:
    def hide(book: Any) -> None:
        book.worksheets[1].sheet_state = "hidden"

    data = packed([["a", "b"], [], [None, "c", None]], [["secret"]], [], [["d"]], change=hide)
    found = office.xlsx(data, "a.xlsx")
    assert [(sheet.name, sheet.rows) for sheet in found] == [
        ("Лист1", [(1, ["a", "b"]), (3, ["", "c"])]),
        ("Лист4", [(1, ["d"])]),
    ]


def test_a_formula_gives_nothing_where_no_program_computed_it() -> None:
    assert office.xlsx(packed([["x", "=1+1"]]), "a.xlsx")[0].rows == [(1, ["x"])]


TABLE = [["Вопрос", "Ответ"], ["Год?", 1902]]


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        (TABLE, 2),
        ([["Вопросы музея"], *TABLE], 3),
        ([["Вопросы музея"], [], ["Черновик"], *TABLE], 5),
        ([[], [], *TABLE], 4),
        ([[None, "Вопросы музея"], *TABLE], 3),
        ([[" Вопрос ", "Ответ", None], ["Год?", 1902, None]], 2),
    ],
)
def test_rows_are_named_by_the_head_below_any_title(
    rows: list[list[Any]], line: int, tmp_path: Path
) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(packed(rows))
    row = {"Вопрос": "Год?", "Ответ": "1902"}
    assert list(read_table(path)) == [(f"{path}#Лист1!{line}", row)]


def test_a_table_of_one_column_keeps_its_first_row_as_the_head() -> None:
    rows = list(office.xlsx_records(packed([["text"], ["one"], ["two"]]), "a.xlsx"))
    assert [row for _, row in rows] == [{"text": "one"}, {"text": "two"}]


def test_short_rows_are_filled_and_other_sheets_told(capsys: pytest.CaptureFixture[str]) -> None:
    data = packed([["a", "b"], ["1"]], [["other", "x"]])
    assert [row for _, row in office.xlsx_records(data, "short.xlsx")] == [{"a": "1", "b": ""}]
    assert "“Лист1” is read; the others are left out: Лист2" in capsys.readouterr().err


@pytest.mark.parametrize("head", [["a", None, "c"], [None, "a", "c"], ["a", "c"]])
def test_a_column_without_a_name_is_left_out(head: list[str | None]) -> None:
    (found,) = office.xlsx_records(packed([head, ["1", "2", "3"]]), "a.xlsx")
    named = dict(zip(head, ("1", "2", "3"), strict=False))
    assert found[1] == {name: value for name, value in named.items() if name}


def test_two_columns_of_one_name_are_refused() -> None:
    with pytest.raises(InputError) as caught:
        list(office.xlsx_records(packed([["a", "b", "a"], ["1", "2", "3"]]), "a.xlsx"))
    assert caught.value.key == "documents.bad_header" and caught.value.where == "a.xlsx#Лист1!1"


def test_a_workbook_is_a_document_row_by_row(tmp_path: Path) -> None:
    (tmp_path / "b.XLSX").write_bytes(packed([["Сундук", 1902], ["Икона"]], [["Сани"]]))
    (found,) = read_documents(tmp_path)
    assert (found.text, found.encoding) == ("Сундук\t1902\nИкона\n\nСани", "-")


def test_what_is_no_workbook_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    good = packed([["a", "b"]])
    for data in (b"", b"hello", good[:-30], good[:200]):
        assert key(office.xlsx, data) == "documents.bad_xlsx"
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.txt", "a")
    assert key(office.xlsx, stream.getvalue()) == "documents.bad_xlsx"
    assert key(office.xlsx, packed([])) == "documents.no_text"

    def far(book: Any) -> None:
        book.worksheets[0].cell(office.ROWS_LIMIT + 2, 3, "far")

    assert key(office.xlsx, packed([["a"]], change=far)) == "documents.big_sheet"
    monkeypatch.setattr(office, "UNPACKED_LIMIT", 1000)
    assert key(office.xlsx, good) == "documents.zip_bomb"
