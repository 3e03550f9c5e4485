"""The export stage: base and adapter as GGUF, their parity, and what a server needs to know."""

import json
import shutil
from pathlib import Path
from typing import Any

from kamerton.develop import hub
from kamerton.develop.export import gguf, merge, parity
from kamerton.develop.settings import ExportSettings
from kamerton.formats import templates
from kamerton.formats.chat import Message, chat
from kamerton.formats.jsonl import read_rows, write_text
from kamerton.formats.manifest import sha256
from kamerton.formats.questions import Question
from kamerton.formats.serving import FILE, Adapter, ServingSpec

_PROBES = 8


def export(
    settings: ExportSettings, base: str, name: str, data: Path, tune: Path, out: Path
) -> None:
    """Write base.gguf, NAME.gguf, parity.json, serving.json and index/ into `out`.

    With `merge` a float32 Hugging Face folder merged/ too, and merge.json with its largest
    logit difference from base and adapter.
    """
    tokenizer = hub.load_tokenizer(base)
    model = hub.load_model(base)
    files = {"base": out / "base.gguf", name: out / f"{name}.gguf"}
    gguf.write_base(model, tokenizer, hub.TEMPLATE, settings.quantisation, files["base"])
    gguf.write_adapter(tune / "adapter", model, files[name])
    tuned = _with_adapter(model, tune / "adapter")
    system = json.loads((data / "dataset.json").read_text("utf-8"))["system"]
    chats = _probes(data, system)
    found = parity.check(files["base"], files[name], tokenizer, tuned, chats)
    write_text(out / "parity.json", found.json())
    if settings.merge:
        difference = merge.write(tuned, tokenizer, chats, out / "merged")
        write_text(out / "merge.json", json.dumps({"largest_logit_difference": difference}) + "\n")
    index = _copy_index(data, out)
    spec = _spec(settings, base, name, files, system, index)
    write_text(out / FILE, spec.model_dump_json(indent=2) + "\n")


def _spec(
    settings: ExportSettings,
    base: str,
    name: str,
    files: dict[str, Path],
    system: str,
    index: str | None,
) -> ServingSpec:
    adapter = Adapter(name=name, file=files[name].name, sha256=sha256(files[name]))
    return ServingSpec(
        base=files["base"].name,
        base_name=hub.title(base),
        base_sha256=sha256(files["base"]),
        adapters=[adapter],
        system=system,
        context=settings.context,
        index=index,
        template=hub.TEMPLATE,
        template_sha256=templates.sha256(hub.TEMPLATE),
    )


def _with_adapter(model: Any, folder: Path) -> Any:
    from peft import PeftModel

    return PeftModel.from_pretrained(model, folder).eval()


def _probes(data: Path, system: str) -> list[list[Message]]:
    """A few chats for the proof: held-out questions, several turns, digits, Cyrillic, no system."""
    questions = read_rows(data / "known.jsonl", Question)[: _PROBES - 2]
    probes = [chat(system, question.question) for question in questions]
    turns = [
        *chat("", "In 1450 BC?", "Two dates:\n\n3000 BC\n\n1450 BC"),
        Message(role="user", content="Why?"),
    ]
    return [*probes, turns, chat(system, "Где хранится Идол из Помоса, №12, 1/2 €?")]


def _copy_index(data: Path, out: Path) -> str | None:
    if not (data / "index").is_dir():
        return None
    shutil.copytree(data / "index", out / "index", dirs_exist_ok=True)
    return "index"
