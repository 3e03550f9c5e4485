"""Soft prompts on a tiny model: the same answers as the library's own, in whatever order."""

import threading
from pathlib import Path
from typing import Any

import pytest
import torch

from kamerton.engines.detokenizer import Detokenizer
from kamerton.engines.llamacpp.engine import LlamaCpp, LlamaCppSettings
from kamerton.engines.openai_api import ApiError, ChatRequest, plain_messages
from kamerton.engines.transformers.engine import SoftPromptSettings
from kamerton.engines.transformers.soft_prompts import Finish, SoftPrompted, _logits_processors
from kamerton.engines.transformers.worker import read
from tiny import write_base, write_prompt

QUESTIONS = ["Где хранится идол из Помоса?", "What is the Horned God?", "Кто?"]
LENGTH = 24


@pytest.fixture(scope="module")
def settings(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> SoftPromptSettings:
    folder = tmp_path_factory.mktemp("prompts")
    files = {name: str(write_prompt(folder / name, i)) for i, name in enumerate(("v1.0", "v2"))}
    return SoftPromptSettings(str(tiny), files, "chatml", context=256, threads=1)


@pytest.fixture(scope="module")
def model(settings: SoftPromptSettings) -> SoftPrompted:
    return SoftPrompted(settings)


def asked(adapter: str, question: str, **more: object) -> ChatRequest:
    turns = [{"role": "user", "content": question}]
    chosen = {"temperature": 0, "max_tokens": LENGTH} | more
    return read({"model": adapter, "messages": turns, **chosen})


def answer(model: SoftPrompted, request: ChatRequest) -> tuple[str, Finish]:
    ids = model.tokens(plain_messages(request, "transformers"))
    told: list[str] = []
    finish = model.generate(request, ids, told.append, threading.Event())
    return "".join(told), finish


def libraries_own(settings: SoftPromptSettings, adapter: str, question: str) -> list[int]:
    """Token ids by transformers' `generate` on the embeddings put together by hand."""
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base: Any = AutoModelForCausalLM.from_pretrained(settings.weights, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(settings.weights)
    text = f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"
    ids = tokenizer(text, add_special_tokens=False, return_tensors="pt").input_ids
    soft = load_file(settings.adapters[adapter])["prompt_embeddings"]
    whole = torch.cat([soft[None], base.get_input_embeddings()(ids)], dim=1)
    mask = torch.ones(whole.shape[:2], dtype=torch.long)
    with torch.no_grad():
        made = base.generate(
            inputs_embeds=whole, attention_mask=mask, do_sample=False, max_new_tokens=LENGTH
        )
    return [int(token) for token in made[0]]


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("adapter", ["v1.0", "v2"])
def test_greedy_answers_are_the_librarys_own(
    settings: SoftPromptSettings, model: SoftPrompted, adapter: str, question: str
) -> None:
    from transformers import AutoTokenizer

    ids = libraries_own(settings, adapter, question)
    text = AutoTokenizer.from_pretrained(settings.weights).decode(ids, skip_special_tokens=True)
    found, finish = answer(model, asked(adapter, question))
    assert found == text.rstrip("\ufffd") and finish.completion_tokens == len(ids)


def test_an_answer_does_not_depend_on_what_was_asked_before(
    settings: SoftPromptSettings, model: SoftPrompted
) -> None:
    fresh = SoftPrompted(settings)
    requests = [asked(name, question) for question in QUESTIONS for name in ("v1.0", "v2")]
    alone = {(r.model, r.messages[0].content): answer(fresh, r) for r in requests}
    again = {(r.model, r.messages[0].content): answer(model, r) for r in requests[::-1] * 2}
    assert again == alone
    assert len({text for text, _ in alone.values()}) == len(requests), "each has its own answer"


def test_a_seed_repeats_an_answer_and_another_changes_it(model: SoftPrompted) -> None:
    texts = [
        answer(model, asked("v2", "Кто?", temperature=3, top_k=0, top_p=1, min_p=0, seed=seed))[0]
        for seed in (1, 1, 2)
    ]
    assert texts[0] == texts[1] != texts[2]


def test_without_a_seed_answers_vary(model: SoftPrompted) -> None:
    wild = asked("v2", "Кто?", temperature=9, top_k=0, top_p=1, min_p=0)
    assert len({answer(model, wild)[0] for _ in range(3)}) > 1


@pytest.mark.parametrize(
    "how",
    [
        {"temperature": 3.0, "top_p": 0.999, "min_p": 0.0},
        {"temperature": 3.0, "top_p": 1.0, "min_p": 0.001},
        {"temperature": 5.0, "top_p": 1.0, "min_p": 0.0, "top_k": 3},
        {},
    ],
)
def test_sampling_has_llamacpps_probabilities(how: dict[str, float], tmp_path: Path) -> None:
    """Arms on two engines are asked the same: what is drawn from must be the same too."""
    base = write_base(tmp_path / "base.gguf")
    engine = LlamaCpp(LlamaCppSettings(str(base), context=256))
    engine.start()
    try:
        body = {"prompt": "What is", "n_predict": 1, "n_probs": 259, "cache_prompt": False}
        plain = engine.post("/completion", body | {"temperature": 0.0})
        chosen = engine.post("/completion", body | how | {"post_sampling_probs": True})
    finally:
        engine.stop()
    logits = torch.full((1, 259), -1e9)
    for token in plain["completion_probabilities"][0]["top_logprobs"]:
        logits[0, token["id"]] = token["logprob"]
    request = ChatRequest.model_validate(
        {"model": "a", "messages": [{"role": "user", "content": "?"}], **how}
    )
    ours = _logits_processors(request)(torch.zeros(1, 1, dtype=torch.long), logits).softmax(-1)[0]
    theirs = {t["id"]: t["prob"] for t in chosen["completion_probabilities"][0]["top_probs"]}
    assert {i: float(p) for i, p in enumerate(ours) if p > 0} == pytest.approx(theirs, abs=1e-5)


def test_the_end_of_a_turn_ends_the_answer(
    settings: SoftPromptSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The third token of an answer, made the end of a turn, is where it stops."""
    from transformers import AutoTokenizer

    ids = libraries_own(settings, "v2", QUESTIONS[1])
    place = next(i for i in range(2, LENGTH) if ids[i] not in ids[:i])
    token = AutoTokenizer.from_pretrained(settings.weights).convert_ids_to_tokens(ids[place])
    monkeypatch.setattr("kamerton.engines.weights._ENDS", (token,))
    _, finish = answer(SoftPrompted(settings), asked("v2", QUESTIONS[1]))
    assert finish.reason == "stop" and finish.completion_tokens == place + 1


def test_a_stop_text_ends_the_computing_too(model: SoftPrompted) -> None:
    whole, _ = answer(model, asked("v1.0", QUESTIONS[1]))
    stop = whole[4:6]
    found, finish = answer(model, asked("v1.0", QUESTIONS[1], stop=stop))
    assert found == whole[: whole.index(stop)]
    assert finish.reason == "stop" and finish.completion_tokens < LENGTH


def test_length_is_what_was_asked_and_what_there_is_room_for(model: SoftPrompted) -> None:
    _, finish = answer(model, asked("v2", "Кто?", max_tokens=5))
    assert finish.reason == "length" and finish.completion_tokens == 5
    ids = list(range(250))
    assert model.room(ids, None) == 6 and model.room(ids, 2) == 2 and model.room(ids, 99) == 6
    with pytest.raises(ApiError) as caught:
        model.room(list(range(256)), 1)
    assert caught.value.status == 400 and "256" in caught.value.message


def test_nothing_is_computed_for_a_client_who_left_while_waiting(model: SoftPrompted) -> None:
    gone, told = threading.Event(), list[str]()
    gone.set()
    request = asked("v2", "Кто?")
    assert model.generate(request, [1, 2], told.append, gone).completion_tokens == 0
    assert told == []


def test_an_answer_ends_when_its_client_leaves(model: SoftPrompted) -> None:
    gone = threading.Event()
    request = asked("v2", "Кто?", max_tokens=None)
    ids = model.tokens([{"role": "user", "content": "Кто?"}])
    finish = model.generate(request, ids, lambda _: gone.set(), gone)
    assert finish.completion_tokens < 20 < model.room(ids, None)


def test_the_bare_base_is_there_for_the_proof(
    settings: SoftPromptSettings, model: SoftPrompted
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    answer(model, asked("v2", "Кто?"))
    base: Any = AutoModelForCausalLM.from_pretrained(settings.weights, dtype=torch.float32)
    ids = AutoTokenizer.from_pretrained(settings.weights)("Кто", return_tensors="pt").input_ids
    with torch.no_grad():
        logprobs = base(ids).logits[0, -1].log_softmax(-1)
    plain = model.next_token("Кто", None)
    assert plain == pytest.approx({t: float(logprobs[t]) for t in plain}, abs=1e-5)
    assert len({str(model.next_token("Кто", name)) for name in (None, "v1.0", "v2")}) == 3


def test_cyrillic_in_a_real_tokenizers_bytes_is_whole(model: SoftPrompted) -> None:
    text = "Щёголь и эфеб: «Юноша из Вуни» — 5 в. до н. э."
    ids = model._tokenizer(text, add_special_tokens=False).input_ids
    alone = [model._decode([token]) for token in ids]
    assert any("\ufffd" in piece for piece in alone), "tokens by themselves are half characters"
    pieces = Detokenizer(model._decode)
    found = [pieces.add(token) for token in ids]
    assert "".join(found) == text and not any("\ufffd" in piece for piece in found)


def test_an_adapter_that_is_not_there_is_told(model: SoftPrompted) -> None:
    with pytest.raises(ApiError) as caught:
        model.next_token("x", "other")
    assert caught.value.status == 404
