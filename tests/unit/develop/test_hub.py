"""A base's licence, as far as its maker states it on this machine, and its tokens counted."""

import shutil
import socket
from pathlib import Path

import pytest
from huggingface_hub import constants
from tokenizers import Tokenizer
from transformers import AutoTokenizer

from kamerton.develop import hub
from kamerton.develop.hub import licence_of
from kamerton.formats.errors import InputError


@pytest.mark.parametrize(
    ("card", "licence"),
    [("---\nlicense: mit\n---\n# Base\n", "mit"), ("# Base\n", ""), (None, "")],
)
def test_the_licence_stands_in_the_card_of_a_folder(
    tmp_path: Path, card: str | None, licence: str
) -> None:
    if card is not None:
        (tmp_path / "README.md").write_text(card)
    assert licence_of(str(tmp_path)) == licence


def test_the_embedded_base_has_that_of_its_package() -> None:
    assert licence_of("embedded") == "apache-2.0"


def test_of_a_base_that_was_never_fetched_nothing_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "README.md").write_text("---\nlicense: mit\n---\n")
    assert licence_of("owner/never-fetched") == licence_of("") == ""


TEXTS = ["", "The Idol of Pomos", "Идол из Помоса: 3000 г. до н. э.", "<|im_end|>", "a\n\n1 "]


@pytest.mark.parametrize("file", ["tokenizer.json", "the library transformers"])
def test_tokens_are_counted_as_transformers_counts_them(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    base = Path(shutil.copytree(tiny, tmp_path / "base"))
    tokenizer = hub.load_tokenizer(str(base))
    if file != "tokenizer.json":
        (base / "tokenizer.json").unlink()
        monkeypatch.setattr(hub, "load_tokenizer", lambda _: tokenizer)
    expected = [len(tokenizer.encode(text, add_special_tokens=False)) for text in TEXTS]
    assert hub.token_counts(str(base), TEXTS) == expected


def test_limits_kept_in_the_tokenizers_file_cut_no_count(tiny: Path, tmp_path: Path) -> None:
    base = Path(shutil.copytree(tiny, tmp_path / "base"))
    kept = Tokenizer.from_file(str(base / "tokenizer.json"))
    kept.enable_truncation(4)
    kept.enable_padding(length=9)
    kept.save(str(base / "tokenizer.json"))
    assert hub.token_counts(str(base), ["a", "word " * 50]) == hub.token_counts(
        str(tiny), ["a", "word " * 50]
    )


def test_a_broken_tokenizer_is_an_error_that_names_the_base(tiny: Path, tmp_path: Path) -> None:
    base = Path(shutil.copytree(tiny, tmp_path / "base"))
    (base / "tokenizer.json").write_text("{}")
    with pytest.raises(InputError, match=str(base)):
        hub.token_counts(str(base), ["a"])


def test_a_hub_that_does_not_answer_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{port}")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(AutoTokenizer, "from_pretrained", pytest.fail)
    with pytest.raises(InputError, match=r"owner/no-such-model.*refused"):
        hub.load_tokenizer("owner/no-such-model")
    with pytest.raises(InputError, match="bad name"):
        hub.load_tokenizer("owner/bad name")
