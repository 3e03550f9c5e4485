"""Charsets: each told right, short texts too; what is no text is refused."""

import codecs

import pytest

from kamerton.documents.charset import ALIKE, RUSSIAN, decode, russian_score
from kamerton.formats.errors import InputError

LONG = (
    "Утром в мастерской было тихо. Пётр Андреевич снял со стены старую скрипку, подышал на лак и "
    'сказал: "Я её помню ещё новой". Внучка кивнула, хотя и не поверила; за окном шумел рынок, '
    "звенел трамвай, и весь дом пах яблоками, клеем и свежей сосновой стружкой."
)
SHORT = "Эту скрипку мастер сделал для дочери, когда ей было семь лет, зимой, в Твери."
CHARSETS = ("utf-8", *RUSSIAN)


@pytest.mark.parametrize("charset", CHARSETS)
@pytest.mark.parametrize(
    "text",
    [
        LONG,
        SHORT,
        SHORT.upper(),
        SHORT.lower(),
        "объезд",
        "Да",
        "НЕТ",
        "Я уже ухожу, а ты?",
        "было жаль Кнута: жаль той весны",
        "сказал, что я вовсе не просил",
        "В 1999 году он ушёл, и всё.\r\nА я остался.\r\n",
        "The museum (музей) opens at ten.",
    ],
)
def test_a_russian_text_is_read_in_each_charset(text: str, charset: str) -> None:
    found, name = decode(text.encode(charset), "a.txt")
    assert found == text
    # A few letters may be the same bytes in two charsets: then either name is right.
    assert text.encode(name) == text.encode(charset)


@pytest.mark.parametrize("charset", CHARSETS)
def test_the_charset_of_a_paragraph_is_named(charset: str) -> None:
    assert decode(LONG.encode(charset), "a.txt")[1] == charset


@pytest.mark.parametrize("charset", ["cp1251", "mac-cyrillic", "utf-8"])
def test_quotes_and_dashes_of_russian_print_are_kept(charset: str) -> None:
    text = "«Камертон» — прибор настройщика… Он даёт «ля» первой октавы; №\u00a05 — новый."
    assert decode(text.encode(charset), "a.txt")[0] == text


def test_a_byte_order_mark_is_taken_off() -> None:
    assert decode(codecs.BOM_UTF8 + SHORT.encode(), "a.txt") == (SHORT, "utf-8")
    for mark, order in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        assert decode(mark + SHORT.encode(order), "a.txt") == (SHORT, "utf-16")


def test_an_empty_file_is_an_empty_text() -> None:
    assert decode(b"", "a.txt") == ("", "utf-8")


@pytest.mark.parametrize(
    ("text", "charset"),
    [
        ("The shop’s “new” sign — 5 € a piece…", "cp1252"),
        ("Café crème à la carte: déjà vu, où est-il?", "cp1252"),
        ("Stary most nad rzeką został zamknięty, mieszkańcy czekają, jeżeli trzeba.", "cp1250"),
        ("Міст через річку закрили на ремонт, їхати треба іншою вулицею, є об'їзд.", "koi8-u"),
        ("Міст через річку закрили на ремонт, їхати треба іншою вулицею, є об'їзд.", "cp1251"),
        ("川の古い橋は修理のために閉鎖されました。", "shift_jis"),
    ],
)
def test_other_languages_are_read_too(text: str, charset: str) -> None:
    assert decode(text.encode(charset), "a.txt")[0] == text


def test_a_wrong_charset_scores_far_below_the_right_one() -> None:
    for charset in RUSSIAN:
        data = LONG.encode(charset)
        scores = {name: russian_score(data.decode(name, "replace")) for name in RUSSIAN}
        right = scores.pop(charset)
        assert right > ALIKE and right > max(scores.values()) + 0.3
        alike = {"cp1251", "mac-cyrillic"}  # they share the small letters
        others = [score for name, score in scores.items() if not {name, charset} <= alike]
        assert max(others) < ALIKE


def refused(data: bytes) -> str:
    with pytest.raises(InputError) as caught:
        decode(data, "folder/a.txt")
    assert str(caught.value).startswith("folder/a.txt: ")
    return caught.value.key


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)),
        SHORT.encode() + b"\0",
        SHORT.encode("utf-16-le"),  # no byte order mark: ASCII spaces are NUL bytes
        b"\x01\x02\x03\x04 abc" * 20,
    ],
)
def test_a_binary_file_is_refused(data: bytes) -> None:
    assert refused(data) == "documents.binary"


def test_damaged_utf8_is_not_read_as_another_charset() -> None:
    data = LONG.encode()
    broken = data[:100] + data[101:]
    with pytest.raises(InputError) as caught:
        decode(broken, "a.txt")
    assert caught.value.key == "documents.damaged"
    assert caught.value.values["byte"] in range(98, 102)


def test_damaged_utf16_is_refused() -> None:
    assert refused(codecs.BOM_UTF16_LE + SHORT.encode("utf-16-le")[:-1]) == "documents.damaged"


def test_a_byte_that_the_charset_does_not_have_is_named() -> None:
    data = LONG.encode("cp1251") + b" \x98"
    with pytest.raises(InputError) as caught:
        decode(data, "a.txt")
    assert caught.value.values == {"charset": "cp1251", "byte": len(data) - 1}


def test_bytes_of_no_charset_are_refused() -> None:
    noise = bytes(0x80 + (n * 73 + n // 7) % 128 for n in range(2000))
    assert refused(noise) == "documents.no_charset"


def test_russian_far_into_a_long_english_file_tells_the_charset() -> None:
    text = "A plain English line about nothing.\n" * 20_000 + SHORT
    assert decode(text.encode("koi8-r"), "a.txt") == (text, "koi8-r")
