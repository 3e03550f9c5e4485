"""A base without ChatML is tuned, exported and served with one template, by LoRA and whole."""

import json
from pathlib import Path
from typing import Any

import pytest

from kamerton.develop import hub
from kamerton.develop.export.run import PARITY, Trained, export
from kamerton.develop.settings import ExportSettings, TuneSettings
from kamerton.develop.tune.run import tune
from kamerton.formats import templates
from kamerton.formats.chat import ChatRow, chat
from kamerton.formats.jsonl import write_rows
from template_tokenizers import MADE
from tiny_model import make_model

CHATS = [chat("", "Where is the Idol of Pomos?"), chat("Кратко.", "Из чего №12,\n\n3000 BC?")]
ROWS = [
    ChatRow(id=str(n), messages=chat("You are a guide.", f"Where is {n}?", "In Pomos. " * (n + 1)))
    for n in range(8)
]


def base_of(kind: str, folder: Path) -> str:
    tokenizer = MADE[kind]()
    ids = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    make_model(folder, vocab_size=len(tokenizer), **ids)
    for file in folder.glob("*token*"):
        file.unlink()
    tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.mark.parametrize(("kind", "name"), [("llama", "plain-bos"), ("gpt2", "plain")])
def test_one_template_from_the_rows_to_the_engine(kind: str, name: str, tmp_path: Path) -> None:
    base, data = base_of(kind, tmp_path / "base"), tmp_path / "data"
    write_rows(data / "train.jsonl", ROWS)
    shared: dict[str, Any] = {"epochs": 4, "batch_size": 4, "learning_rate": 1e-2}
    for method in ("lora", "full"):
        settings = TuneSettings(method=method, **shared)
        tune(settings, base, data, tmp_path / method, seed=7, threads=1)
    tuned = [Trained(f"by-{method}", tmp_path / method) for method in ("lora", "full")]
    out = tmp_path / "export"
    spec = export(
        ExportSettings(quantisation="f16", merge=True), base, tuned, "", CHATS, out, None, 1
    )
    assert (spec.template, spec.template_sha256) == (name, templates.sha256(name))
    # Reaching here, export has found the engine's token ids to be the trainer's.
    assert json.loads((out / PARITY).read_text())["same_token_ids"] == len(CHATS)
    checks = json.loads((tmp_path / "lora" / "checks.json").read_text())
    assert checks["masks"]["bos"] == (1 if kind == "llama" else 0)
    from transformers import AutoTokenizer

    merged = AutoTokenizer.from_pretrained(out / "merged" / "by-lora")
    assert merged.chat_template == templates.for_engine(name)
    said = [message.model_dump() for message in CHATS[0]]
    options: dict[str, Any] = {"add_generation_prompt": True, "return_dict": False}
    ours = hub.load_tokenizer(base).apply_chat_template(said, **options)
    assert merged.apply_chat_template(said, **options) == ours
