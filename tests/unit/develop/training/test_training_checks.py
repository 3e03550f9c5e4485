"""The self-tests pass on sound runs, and each finds the fault that it looks for."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import training_runs as runs

import template_tokenizers
from kamerton.develop import hub
from kamerton.develop.training import attention
from kamerton.develop.training.attention import flatten, packed_logits
from kamerton.develop.training.checks import (
    BOUND,
    CHECKS,
    Encoded,
    accumulation,
    isolation,
    masks,
    spans,
    windows,
    write,
)
from kamerton.formats.chat import Message
from kamerton.formats.errors import InputError

CHATS = [
    [("system", "You are a guide."), ("user", "Where is it?"), ("assistant", "In Nicosia.")],
    [("user", "Hi"), ("assistant", "Yes."), ("user", "And 3000 BC?"), ("assistant", "No.\n\nIt")],
]
DOCUMENTS = [[5, 6, 7, 8], [9, 10, 11], [12, 13, 14, 15, 16]]


@pytest.fixture(scope="module")
def tokenizer(tiny: Path) -> Any:
    return hub.load_tokenizer(str(tiny))


def examples(tokenizer: Any) -> list[Encoded]:
    found = []
    for number, turns in enumerate(CHATS):
        messages = tuple(Message(role=role, content=content) for role, content in turns)
        dumped = [message.model_dump() for message in messages]
        out = tokenizer.apply_chat_template(
            dumped, tokenize=True, return_dict=True, return_assistant_tokens_mask=True
        )
        learnt = [bool(value) for value in out["assistant_masks"]]
        found.append(Encoded(f"chat-{number}", out["input_ids"], learnt, None, messages))
    return found


def shifted(row: Encoded, by: int) -> Encoded:
    moved = [False, *row.supervised[:-1]] if by > 0 else [*row.supervised[1:], False]
    return replace(row, supervised=moved)


def test_sound_masks_pass_and_show_what_is_learnt(tokenizer: Any) -> None:
    rows = examples(tokenizer)
    found = masks(rows, tokenizer)
    learnt = sum(sum(row.supervised) for row in rows)
    assert found.rows == 2 and found.bos == 1
    assert found.supervised_share == learnt / sum(len(row.ids) for row in rows)
    assert "⟦Yes.<|im_end|>⟧" in found.spans[1] and found.spans[1].count("⟦") == 2


def test_letters_of_several_tokens_are_shown_whole(tokenizer: Any) -> None:
    ids = tokenizer.encode("Какая? Чудесная.")
    assert any("�" in tokenizer.decode([token]) for token in ids)
    question = len(tokenizer.encode("Какая?"))
    learnt = [place >= question for place in range(len(ids))]
    assert spans(Encoded("r", ids, learnt), tokenizer) == "Какая?⟦ Чудесная.⟧"


def test_a_learnt_blank_is_shown_where_the_decoder_takes_the_first_one_away() -> None:
    tokenizer = template_tokenizers.mistral()
    asked = tokenizer.encode("Who?")
    ids = asked + tokenizer.encode("me", add_special_tokens=False)
    learnt = [place >= len(asked) for place in range(len(ids))]
    assert tokenizer.decode(ids[len(asked) :]) == "me"
    assert spans(Encoded("r", ids, learnt), tokenizer).endswith("Who?⟦ me⟧")


def test_a_row_that_was_cut_is_checked_as_far_as_it_goes(tokenizer: Any) -> None:
    for row in examples(tokenizer):
        for length in range(len(row.ids) - 8, len(row.ids)):
            masks(
                [replace(row, ids=row.ids[:length], supervised=row.supervised[:length])], tokenizer
            )


FAULTS: dict[str, tuple[Callable[[Encoded], Encoded], str]] = {
    "one late": (lambda row: shifted(row, 1), "would not be learnt"),
    "one early": (lambda row: shifted(row, -1), "belongs to the turn of assistant"),
    "all": (lambda row: replace(row, supervised=[True] * len(row.ids)), "100% of the"),
    "nothing": (lambda row: replace(row, supervised=[False] * len(row.ids)), "0% of the"),
    "the user too": (
        lambda row: replace(row, supervised=[n > 3 for n in range(len(row.ids))]),
        "belongs to the turn of user",
    ),
    "no end": (
        lambda row: replace(
            row, supervised=[x and row.ids[n] != 2 for n, x in enumerate(row.supervised)]
        ),
        "would not learn to stop",
    ),
    "the break after the end": (
        lambda row: replace(
            row, supervised=[x or n == len(row.ids) - 1 for n, x in enumerate(row.supervised)]
        ),
        "belongs to the turn of assistant",
    ),
    "doubled beginning": (
        lambda row: replace(row, ids=[1, *row.ids], supervised=[False, *row.supervised]),
        "begins with 2 BOS",
    ),
    "other tokens": (lambda row: replace(row, ids=[*row.ids[:5], 77, *row.ids[6:]]), "up to turn"),
    "more at the end": (
        lambda row: replace(row, ids=[*row.ids, 5], supervised=[*row.supervised, False]),
        "up to turn",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_wrong_mask_is_found_in_one_row_of_two(tokenizer: Any, name: str) -> None:
    fault, said = FAULTS[name]
    whole = name in ("all", "nothing")
    rows = examples(tokenizer)
    bad = [fault(row) for row in rows] if whole else [rows[0], fault(rows[1])]
    with pytest.raises(InputError) as caught:
        masks(bad, tokenizer)
    assert said in str(caught.value)
    assert whole or "chat-1" in str(caught.value)


def test_a_tokenizer_that_adds_its_beginning_wants_exactly_one(tiny: Path) -> None:
    """As Llama's and Mistral's do, whose own templates begin with it."""
    from tokenizers.processors import TemplateProcessing

    adding = hub.load_tokenizer(str(tiny))
    adding.bos_token = "<|endoftext|>"
    adding.backend_tokenizer.post_processor = TemplateProcessing(
        single="<|endoftext|> $A", special_tokens=[("<|endoftext|>", 0)]
    )
    assert adding("a")["input_ids"][0] == 0
    with pytest.raises(InputError, match="begins with 0 BOS"):
        masks(examples(adding), adding)
    plain = adding.chat_template
    adding.chat_template = "{{- bos_token -}}" + plain
    assert masks(examples(adding), adding).bos == 1
    adding.chat_template = "{{- bos_token + bos_token -}}" + plain
    with pytest.raises(InputError, match="begins with 2 BOS"):
        masks(examples(adding), adding)


def test_a_template_that_ends_no_answer_is_found(tiny: Path) -> None:
    tokenizer = hub.load_tokenizer(str(tiny))
    mark = "{{- message['content'] + '<|im_end|>' -}}"
    assert mark in tokenizer.chat_template
    tokenizer.chat_template = tokenizer.chat_template.replace(mark, "{{- message['content'] -}}")
    with pytest.raises(InputError, match="no mark at the end"):
        masks(examples(tokenizer), tokenizer)


def test_documents_of_a_packed_row_are_isolated(tiny: Path) -> None:
    model = runs.load(tiny)
    found = isolation(packed_logits(model), DOCUMENTS, 600, model)
    assert found.documents == 3 and 0 <= found.largest_difference <= BOUND
    assert model.training is False


def test_plain_attention_over_a_packed_row_leaks_and_is_found(tiny: Path) -> None:
    model = hub.load_model(str(tiny))

    def plain(documents: Sequence[Sequence[int]]) -> Any:
        ids = torch.tensor([[token for one in documents for token in one]])
        return model(input_ids=ids).logits[0]

    with pytest.raises(InputError, match="see each other"):
        isolation(plain, DOCUMENTS, 600, model)


@pytest.mark.parametrize("lengths", [[7, 5], [4, 8], [12]])
def test_boundaries_in_the_wrong_place_are_found(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, lengths: list[int]
) -> None:
    model = runs.load(tiny)
    monkeypatch.setattr(attention, "_lengths", lambda *args: lengths)
    with pytest.raises(InputError, match="see each other"):
        isolation(packed_logits(model), DOCUMENTS, 600, model)


def test_a_test_of_isolation_that_tests_nothing_is_no_pass(tiny: Path) -> None:
    model = runs.load(tiny)
    with pytest.raises(ValueError, match="two documents"):
        isolation(packed_logits(model), DOCUMENTS[:1], 600, model)
    with pytest.raises(ValueError, match="own logits"):
        isolation(lambda documents: torch.zeros(12, 600), DOCUMENTS, 600, model)


def mean_of_means(model: Any, batch: Any, items: Any) -> Any:
    """What a Trainer makes of a loss that is each part's own mean (huggingface/trl#2175)."""
    own = batch["supervised"][:, 1:].sum()
    parts = 1 if batch["cu_seq_lens"].numel() > 2 else 8
    return runs.loss(model, batch, own) / parts


def divided_twice(model: Any, batch: Any, items: Any) -> Any:
    """A sum over all items, once more divided by the number of parts."""
    parts = 1 if batch["cu_seq_lens"].numel() > 2 else 8
    return runs.loss(model, batch, items) / parts


@pytest.mark.parametrize("adapter", [False, True])
def test_a_sum_over_the_step_does_not_depend_on_its_parts(tiny: Path, adapter: bool) -> None:
    model = runs.load(tiny)
    model = runs.adapted(model, 0.5) if adapter else model
    model.train()
    state = torch.random.get_rng_state()
    found = accumulation(model, windows(runs.rows()), flatten, runs.loss, runs.items)
    assert found.rows == 8 and found.loss_difference <= BOUND
    assert 0 < found.gradient_difference <= BOUND
    assert torch.equal(torch.random.get_rng_state(), state) and model.training
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize("loss", [mean_of_means, divided_twice])
def test_a_loss_that_depends_on_the_parts_is_found(tiny: Path, loss: Any) -> None:
    with pytest.raises(InputError, match="not a mean of means"):
        accumulation(runs.load(tiny), windows(runs.rows()), flatten, loss, runs.items)


def test_a_model_without_anything_to_train_is_found(tiny: Path) -> None:
    model = runs.load(tiny)
    model.get_input_embeddings().weight.requires_grad_(False)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("layers.3.mlp" in name)
    with torch.no_grad():
        model.lm_head.weight.zero_()
    with pytest.raises(InputError, match="no gradient"):
        accumulation(model, windows(runs.rows()), flatten, runs.loss, runs.items)


def test_windows_are_uneven_and_all_learnt() -> None:
    cut = windows(runs.rows(3))
    assert len({len(row["input_ids"]) for row in cut}) > 4
    assert all(row["supervised"][1:] and all(row["supervised"][1:]) for row in cut)


def test_results_go_into_a_file(tokenizer: Any, tmp_path: Path) -> None:
    write(tmp_path, masks=masks(examples(tokenizer), tokenizer))
    assert json.loads((tmp_path / CHECKS).read_text())["masks"]["rows"] == 2
