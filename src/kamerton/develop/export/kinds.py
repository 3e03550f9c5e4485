"""Each kind of adaptation as files of its engine, with the proof that they serve what it learnt."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from kamerton.develop import hub
from kamerton.develop.export import agreement, gguf, lora, merge, parity, soft, vocabulary
from kamerton.develop.export.plan import Planned
from kamerton.develop.hub import template_for
from kamerton.develop.settings import ExportSettings
from kamerton.engines.llamacpp.tokens import Answer, Ids
from kamerton.formats.chat import Message
from kamerton.formats.manifest import sha256
from kamerton.formats.serving import Adapter, Kind

Figures = dict[str, Any]
_CHEAP = 500_000_000
"""Parameters of a base that is quantised once more to compare with it."""


@dataclass(frozen=True)
class Base:
    """What all adaptations of an export share."""

    settings: ExportSettings
    name: str
    """The base as the recipe names it."""
    tokenizer: Any
    model: Any
    """In float32; adapters are put around its layers and taken off again."""
    weights: gguf.Weights
    file: Path
    arm: parity.Arm
    answers: dict[str, list[Answer]]
    """Of each LoRA adapter, by its name."""
    repeat: float
    """Largest change of a log-probability where the engine is asked the same again, in nats."""
    chats: Sequence[Sequence[Message]]
    prompts: list[Ids]
    out: Path
    threads: int
    alone: bool
    """Whether there is one adaptation only."""

    @property
    def template(self) -> str:
        """Name of its chat template."""
        return template_for(self.tokenizer)

    def merged(self, name: str) -> Path:
        """Where an adaptation's Hugging Face folder goes."""
        return self.out / "merged" if self.alone else self.out / "merged" / name


@dataclass(frozen=True)
class Made:
    """One adaptation, ready to serve."""

    adapter: Adapter
    figures: Figures
    """For parity.json."""
    flat: Figures
    """The same in the keys that parity.json had when there was one adaptation only."""


def lora_file(out: Path, name: str) -> Path:
    """Where an adaptation's GGUF lies."""
    return out / f"{name}.gguf"


def make(base: Base, planned: Planned) -> Made:
    """Write the adaptation's files and prove them; InputError where the proof fails."""
    return _KINDS[planned.kind](base, planned)


def _lora(base: Base, planned: Planned) -> Made:
    """The file is written already: base and adapters were asked in one engine, as served."""
    file = lora_file(base.out, planned.name)
    ends = vocabulary.ends(base.tokenizer)
    with merge.adapted(base.model, planned.folder) as tuned:
        answers = base.answers[planned.name]
        found = parity.arm(answers, tuned, base.weights, base.file, ends)
        extra = _merged_too(base, planned, tuned)
    parity.hold(found, base.settings.quantisation, file)
    effect = parity.effect(base.arm, found, base.repeat)
    parity.hold_effect(effect, file)
    applied = lora.written(file, base.file).count
    extra |= {"modules": lora.trained(planned.folder).count, "applied_modules": applied}
    extra |= _quantised(base, planned, found) if planned.method == "qlora" else {}
    return _made(planned, "llama.cpp", found, effect, file, extra)


def _merged_too(base: Base, planned: Planned, tuned: Any) -> Figures:
    """The same as one Hugging Face model, where the recipe asks for it."""
    if not base.settings.merge:
        return {}
    whole, difference = merge.merged(base.name, planned.folder, tuned, base.prompts)
    merge.save(whole, base.tokenizer, base.template, base.merged(planned.name))
    return {"merge_largest_logit_difference": difference}


def _quantised(base: Base, planned: Planned, found: parity.Arm) -> Figures:
    """How far the served base is from the quantised one that the adapter was trained on."""
    bits = planned.training.get("method_settings", {}).get("bits")
    stored = f"the base's own weights, stored as {base.settings.quantisation}"
    told: Figures = {"trained_on_bits": bits, "served_on": stored}
    small = sum(p.numel() for p in base.weights.parameters.values()) <= _CHEAP
    if bits is None or not small or find_spec("bitsandbytes") is None:
        return told
    model = _dequantised(base.name, int(bits))
    with merge.adapted(model, planned.folder) as tuned:
        ends = vocabulary.ends(base.tokenizer)
        apart = agreement.compare(found.answers, agreement.reference(tuned), ends)
    return told | {"quantised_trainer": _figures(apart)}


def _dequantised(base: str, bits: int) -> Any:
    """The base rounded to `bits` bits as QLoRA rounds it (NF4; 8 bits: int8), in float32 again."""
    import torch
    from transformers import BitsAndBytesConfig

    four = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.float32,
    )
    eight = BitsAndBytesConfig(load_in_8bit=True)
    model = hub.load_model(base, quantisation=four if bits == 4 else eight)
    return model.dequantize().float().eval()


def _merged(base: Base, planned: Planned) -> Made:
    """A whole model as GGUF: DoRA merged into a copy of the base, or all weights trained."""
    file = lora_file(base.out, planned.name)
    whole, tokenizer, extra = _whole(base, planned)
    template = template_for(tokenizer)
    if base.settings.merge:
        merge.save(whole, tokenizer, template, base.merged(planned.name))
    gguf.write_model(whole, tokenizer, template, base.settings.quantisation, file)
    answers = parity.ask(file, [], tokenizer, base.chats, base.threads)[0]
    ends = vocabulary.ends(tokenizer)
    found = parity.arm(answers, whole, gguf.weights(whole), file, ends)
    parity.hold(found, base.settings.quantisation, file)
    effect = parity.effect(base.arm, found, base.repeat)
    parity.hold_effect(effect, file)
    return _made(planned, "llama.cpp", found, effect, file, extra)


def _whole(base: Base, planned: Planned) -> tuple[Any, Any, Figures]:
    """The model, its tokenizer, and for an adapter what merging changed."""
    if planned.method == "full":
        folder = str(planned.folder)
        return hub.load_model(folder).eval(), hub.load_tokenizer(folder), {}
    parity.hold_acting(lora.trained(planned.folder), planned.folder)
    with merge.adapted(base.model, planned.folder) as tuned:
        whole, difference = merge.merged(base.name, planned.folder, tuned, base.prompts)
    return whole, base.tokenizer, {"merge_largest_logit_difference": difference}


def _prompt(base: Base, planned: Planned) -> Made:
    file = soft.copy(planned.folder, base.out / planned.name, hub.known_as(base.name))
    found = soft.check(base.model, planned.folder, file.parent, base.prompts)
    figures = {"method": planned.method, "kind": planned.kind, "engine": "transformers"}
    flat = {
        "next_tokens": found.chats,
        "same_next_token_adapter": found.same_first_tokens,
        "largest_logprob_difference": found.largest_logprob_difference,
        "adapter_effect": found.effect,
    }
    return Made(
        _adapter(planned, file, f"{planned.name}/{file.name}"), figures | asdict(found), flat
    )


def _made(
    planned: Planned,
    engine: str,
    found: parity.Arm,
    effect: parity.Effect,
    file: Path,
    extra: Figures,
) -> Made:
    figures = {
        "method": planned.method,
        "kind": planned.kind,
        "engine": engine,
        "float": _figures(found.float),
        "stored": _figures(found.stored),
        "effect": asdict(effect),
    }
    flat = {
        "next_tokens": found.float.first_tokens,
        "same_next_token_adapter": found.float.same_first_tokens,
        "largest_logprob_difference": found.float.largest_logprob_difference,
        "adapter_effect": effect.largest,
    }
    return Made(_adapter(planned, file, file.name), figures | extra, flat)


def _figures(found: agreement.Agreement) -> Figures:
    return asdict(found)


def _adapter(planned: Planned, file: Path, place: str) -> Adapter:
    return Adapter(name=planned.name, file=place, sha256=sha256(file), kind=planned.kind)


_KINDS: dict[Kind, Callable[[Base, Planned], Made]] = {
    "lora": _lora,
    "merged": _merged,
    "prompt": _prompt,
}
