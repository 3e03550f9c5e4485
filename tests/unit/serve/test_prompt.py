"""What the engine sees of a client's chat; model ids; adapter scales."""

import pytest

from kamerton.engines.errors import ApiError
from kamerton.engines.llamacpp import scales
from kamerton.formats.retrieval import Chunk
from kamerton.formats.serving import Adapter, ServingSpec
from kamerton.serve.arms import arms
from kamerton.serve.gateway.prompt import build, parse, question

PASSAGE = Chunk(id="a", text="The idol is of picrolite.", source="s")


def request(*turns: dict[str, object]) -> dict[str, object]:
    return {"model": "base", "messages": list(turns)}


def test_the_system_prompt_goes_before_chats_that_have_none() -> None:
    asked = parse(request({"role": "user", "content": "hi"})).messages
    assert build(asked, "Be kind.", [])[0] == {"role": "system", "content": "Be kind."}
    own = parse(request({"role": "system", "content": "x"}, {"role": "user", "content": "hi"}))
    assert build(own.messages, "Be kind.", [])[0]["content"] == "x"


def test_passages_stand_before_the_last_question() -> None:
    turns = [
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": "yes"},
        {"role": "user", "content": "Из чего идол?"},
    ]
    chat = build(parse(request(*turns)).messages, "", [PASSAGE])
    assert chat[0]["content"] == "first"
    assert chat[2]["content"] == "Сведения: The idol is of picrolite.\n\nВопрос: Из чего идол?"


def test_text_parts_are_joined() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert question(parse(request({"role": "user", "content": parts})).messages) == "ab"


def test_retrieval_needs_a_question() -> None:
    with pytest.raises(ApiError) as caught:
        question(parse(request({"role": "system", "content": "x"})).messages)
    assert caught.value.status == 400


def spec(index: str | None) -> ServingSpec:
    adapter = Adapter(name="museum", file="m.gguf", sha256="")
    return ServingSpec(base="b", base_name="b", base_sha256="", adapters=[adapter], index=index)


def test_model_ids() -> None:
    assert list(arms(spec(None))) == ["base", "museum"]
    assert list(arms(spec("index"))) == ["base", "museum", "base+rag", "museum+rag"]
    assert arms(spec("index"))["museum+rag"].adapter == "museum"


def test_every_request_names_every_adapter() -> None:
    names = ("museum", "desk")
    assert scales("desk", names) == [{"id": 0, "scale": 0.0}, {"id": 1, "scale": 1.0}]
    assert scales(None, names) == [{"id": 0, "scale": 0.0}, {"id": 1, "scale": 0.0}]
