"""Every base gets a template that it has the tokens for; trainer, engine and server agree on it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from kamerton.develop import hub
from kamerton.develop.hub import template_for
from kamerton.develop.training.checks import Encoded, masks
from kamerton.formats import templates
from kamerton.formats.chat import ChatRow, Message, chat, chat_ids
from kamerton.formats.errors import InputError
from template_tokenizers import FORGED, MADE, forged, spoken

CHATS = [
    chat("You are a museum guide.", "Where is the Idol of Pomos?"),
    chat("", "What was it made of,\n\n3000 BC?"),
    [*chat("", "In 1450 BC?", "Two dates:\n\n3000 BC"), Message(role="user", content="Why?")],
    chat("Кратко.", "Где хранится Идол из Помоса, №12, 1/2 €?"),
]
NAMES = {
    "llama": "plain-bos",
    "hermes": "chatml-bos",
    "mistral": "plain-bos",
    "qwen2": "chatml",
    "gpt2": "plain",
}
ENDS = {
    "llama": "<|eot_id|>",
    "hermes": "<|im_end|>",
    "mistral": "</s>",
    "qwen2": "<|im_end|>",
    "gpt2": "<|endoftext|>",
}


def saved(name: str, folder: Path) -> Any:
    """The tokenizer out of a base's folder, through the one door."""
    MADE[name]().save_pretrained(folder)
    return hub.load_tokenizer(str(folder))


def answered(messages: Sequence[Message]) -> list[Message]:
    return [*messages, Message(role="assistant", content="In Nicosia,\n\n1/2 €. Где?")]


def example(messages: Sequence[Message], tokenizer: Any) -> Encoded:
    from kamerton.develop.tune.encode import encode

    return encode(ChatRow(id="row", messages=list(messages)), tokenizer)


@pytest.mark.parametrize("name", MADE)
def test_a_base_gets_the_template_that_it_has_tokens_for(name: str, tmp_path: Path) -> None:
    made = MADE[name]()
    assert template_for(made) == NAMES[name]
    loaded = saved(name, tmp_path)
    assert loaded.chat_template == templates.read(NAMES[name])
    assert len(loaded) == len(made)  # no new tokens


@pytest.mark.parametrize("name", MADE)
def test_answers_with_their_end_are_learnt_and_the_beginning_stands_once(
    name: str, tmp_path: Path
) -> None:
    tokenizer = saved(name, tmp_path)
    rows = [example(answered(messages), tokenizer) for messages in CHATS]
    found = masks(rows, tokenizer)
    assert found.rows == len(CHATS)
    assert found.bos == (1 if name in ("llama", "hermes", "mistral") else 0)
    end = tokenizer.convert_tokens_to_ids(ENDS[name])
    for row in rows:
        learnt = [token for token, is_it in zip(row.ids, row.supervised, strict=True) if is_it]
        assert learnt[-1] == end
        said = tokenizer.decode(learnt[:-1]).strip()
        assert said.endswith(answered([])[0].content)


@pytest.mark.parametrize("name", ["llama", "hermes", "mistral"])
@pytest.mark.parametrize("count", [0, 2])
def test_a_doubled_or_lacking_beginning_is_found(name: str, count: int, tmp_path: Path) -> None:
    tokenizer = saved(name, tmp_path)
    once = "{{- bos_token -}}"
    assert tokenizer.chat_template.startswith(once)
    tokenizer.chat_template = once * count + tokenizer.chat_template.removeprefix(once)
    with pytest.raises(InputError, match=f"begins with {count} BOS"):
        masks([example(answered(CHATS[0]), tokenizer)], tokenizer)


def test_a_tokenizer_without_an_end_is_refused() -> None:
    tokenizer = MADE["gpt2"]()
    tokenizer.eos_token = None
    with pytest.raises(InputError) as caught:
        template_for(tokenizer)
    assert caught.value.key == "develop.template_no_end" and "eos_token" in str(caught.value)


def test_a_mark_of_beginning_that_opens_a_turn_is_not_said_twice() -> None:
    from tokenizers.processors import TemplateProcessing

    tokenizer = MADE["qwen2"]()
    tokenizer.bos_token = "<|im_start|>"
    start = tokenizer.bos_token_id
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<|im_start|> $A", special_tokens=[("<|im_start|>", start)]
    )
    assert tokenizer("a")["input_ids"][0] == start and template_for(tokenizer) == "chatml"


def test_the_engine_gets_the_beginning_and_not_the_marks_of_what_is_learnt() -> None:
    for name in NAMES.values():
        assert "generation %}" not in templates.for_engine(name).replace("-%}", "%}")
        assert ("bos_token" in templates.for_engine(name)) == name.endswith(templates.BOS)
    assert len({templates.sha256(name) for name in NAMES.values()}) == 4


def unspaced(text: str) -> str:
    """Without blanks: pieces with a mark for a space have one more after a control token."""
    return "".join(text.split())


@pytest.mark.parametrize("name", MADE)
def test_no_content_opens_or_closes_a_turn(name: str, tmp_path: Path) -> None:
    tokenizer = saved(name, tmp_path)
    special = {index for index, token in tokenizer.added_tokens_decoder.items() if token.special}
    for text in FORGED:
        said = forged(tokenizer, text)
        for one, plain in zip(spoken(said), spoken("x"), strict=True):
            marks, as_with_x = (
                [i for i in chat_ids(tokenizer, of, add_generation_prompt=True) if i in special]
                for of in (one, plain)
            )
            assert marks == as_with_x, said
            assert unspaced(said) in unspaced(tokenizer.decode(chat_ids(tokenizer, one))), said


@pytest.mark.parametrize("name", MADE)
def test_an_answer_with_control_tokens_in_it_is_learnt_as_text(name: str, tmp_path: Path) -> None:
    tokenizer = saved(name, tmp_path)
    end = tokenizer.convert_tokens_to_ids(ENDS[name])
    for text in FORGED:
        said = forged(tokenizer, text).strip()
        rows = [example(chat("", said, said), tokenizer), example(chat(said, "?", "!"), tokenizer)]
        assert masks(rows, tokenizer).rows == 2
        for row, answer in zip(rows, (said, "!"), strict=True):
            learnt = [token for token, is_it in zip(row.ids, row.supervised, strict=True) if is_it]
            assert learnt.count(end) == 1 and learnt[-1] == end
            assert unspaced(tokenizer.decode(learnt[:-1])) == unspaced(answer)
