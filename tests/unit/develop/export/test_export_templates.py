"""The engine reads a chat as the trainer's tokens, whichever template the base has."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_models import CHATS, save_model

from kamerton.develop import hub
from kamerton.develop.export import gguf, parity, vocabulary
from kamerton.develop.hub import template_for
from kamerton.engines.llamacpp.tokens import token_driver
from kamerton.formats import templates
from kamerton.formats.errors import InputError
from template_tokenizers import FORGED, MADE, forged, spoken

READ = ["llama", "hermes", "qwen2", "gpt2"]
"""The engine files of the others are refused for how their vocabulary is made (`vocabulary`)."""


def written(name: str, folder: Path) -> tuple[Path, Any]:
    """A base of that kind as an engine file, and its tokenizer."""
    made, file = MADE[name](), folder / "base.gguf"
    base = save_model(folder / "model", "llama", made, num_hidden_layers=1)
    tokenizer = hub.load_tokenizer(base)
    gguf.write_model(hub.load_model(base), tokenizer, template_for(tokenizer), "f16", file)
    return file, tokenizer


@pytest.mark.parametrize("name", READ)
def test_engine_and_trainer_read_a_chat_alike(name: str, tmp_path: Path) -> None:
    file, tokenizer = written(name, tmp_path)
    answers = parity.ask(file, [], tokenizer, CHATS, threads=1)[0]  # compares all token ids
    assert [len(answer.path) >= parity.TOKENS for answer in answers] == [True] * len(CHATS)
    begins = [answer.prompt[0] == tokenizer.bos_token_id for answer in answers]
    assert begins == [name in ("llama", "hermes")] * len(CHATS)


@pytest.mark.parametrize("name", READ)
def test_a_control_token_in_a_text_is_text_for_both(name: str, tmp_path: Path) -> None:
    file, tokenizer = written(name, tmp_path)
    chats = [one for text in FORGED for one in spoken(forged(tokenizer, text))]
    with token_driver(file, [], vocabulary.pieces(tokenizer), 256, 1) as engine:
        for messages in chats:
            assert engine.prompt(messages) == vocabulary.prompt_ids(tokenizer, messages), messages


@pytest.mark.parametrize("name", READ)
def test_the_engine_ends_an_answer_where_the_template_does(name: str, tmp_path: Path) -> None:
    from gguf import GGUFReader

    file, tokenizer = written(name, tmp_path)
    fields = GGUFReader(file).fields
    end = vocabulary.end_of_turn(tokenizer)
    for key in ("eos_token_id", "eot_token_id"):
        assert fields[f"tokenizer.ggml.{key}"].contents() == end
    assert tokenizer.decode([end]) == (
        "<|im_end|>" if name in ("hermes", "qwen2") else tokenizer.eos_token
    )
    assert fields["tokenizer.ggml.add_bos_token"].contents() is False
    said = fields["tokenizer.chat_template"].contents()
    assert said == templates.for_engine(template_for(tokenizer))


def test_an_engine_that_adds_the_beginning_once_more_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine takes one away where it adds one: doubled in the template, two would be left."""
    name, read = "llama", templates.read

    def doubled(of: str) -> str:
        return "{{- bos_token -}}" + read(of)

    file, tokenizer = written(name, tmp_path / "right")
    parity.ask(file, [], tokenizer, CHATS[:1], threads=1)
    monkeypatch.setattr(templates, "for_engine", _engine(doubled))
    file, tokenizer = written(name, tmp_path / "wrong")
    monkeypatch.undo()
    tokenizer.chat_template = read(template_for(tokenizer))
    with pytest.raises(InputError) as caught:
        parity.ask(file, [], tokenizer, CHATS[:1], threads=1)
    assert caught.value.key == "develop.export_bos" and caught.value.values["engine"] == 2


def _engine(read: Callable[[str], str]) -> Callable[[str], str]:
    return lambda name: templates._MARKS.sub("", read(name))


def test_what_the_engine_does_not_read_is_refused_by_name(tmp_path: Path) -> None:
    MADE["mistral"]().save_pretrained(tmp_path)
    tokenizer = hub.load_tokenizer(str(tmp_path))
    with pytest.raises(InputError) as caught:
        vocabulary.check(tokenizer, len(tokenizer))
    assert caught.value.key == "develop.export_tokenizer"
