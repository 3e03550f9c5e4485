"""Each kind of adaptation as files of its engine, with the proof that they serve what it learnt."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from kamerton.develop import hub
from kamerton.develop.export import adapters, agreement, folders, gguf, parity, vocabulary
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
    single: bool
    """Whether there is one adaptation only."""

    @property
    def template(self) -> str:
        """Name of its chat template."""
        return template_for(self.tokenizer)

    def merged(self, name: str) -> Path:
        """Where an adaptation's Hugging Face folder goes."""
        return self.out / "merged" if self.single else self.out / "merged" / name


@dataclass(frozen=True)
class Made:
    """One adaptation, ready to serve."""

    adapter: Adapter
    figures: Figures
    """For parity.json."""


def lora_file(out: Path, name: str) -> Path:
    """Where an adaptation's GGUF lies."""
    return out / f"{name}.gguf"


def make(base: Base, planned: Planned) -> Made:
    """Write the adaptation's files and prove them; InputError where the proof fails."""
    return _KINDS[planned.kind](base, planned)


def _lora(base: Base, planned: Planned) -> Made:
    """The file is written already: base and adapters were asked in one engine, as served."""
    file = lora_file(base.out, planned.name)
    more: Figures = {}
    with folders.adapted(base.model, planned.folder) as tuned:
        ends = vocabulary.ends(base.tokenizer)
        arm = parity.arm(base.answers[planned.name], tuned, base.weights, base.file, ends)
        if base.settings.merge:
            whole, difference = folders.merged(base.name, planned.folder, tuned, base.prompts)
            folders.save(whole, base.tokenizer, base.template, base.merged(planned.name))
            more["merge_largest_logit_difference"] = difference
    figures = _proven(base, planned, arm, file) | more
    figures["modules"] = adapters.trained(planned.folder).count
    figures["applied_modules"] = adapters.written(file, base.file).count
    if planned.method == "qlora":
        figures |= _quantised(base, planned, arm)
    return Made(_adapter(base, planned, file), figures)


def _quantised(base: Base, planned: Planned, arm: parity.Arm) -> Figures:
    """How far the served base is from the quantised one that the adapter was trained on."""
    bits = planned.training.get("method_settings", {}).get("bits")
    stored = f"the base's own weights, stored as {base.settings.quantisation}"
    figures: Figures = {"trained_on_bits": bits, "served_on": stored}
    small = sum(p.numel() for p in base.weights.parameters.values()) <= _CHEAP
    if bits is None or not small or find_spec("bitsandbytes") is None:
        return figures
    # The base rounded to `bits` bits as QLoRA rounds it, in float32 again.
    model = hub.load_quantised(base.name, int(bits)).dequantize().float().eval()
    with folders.adapted(model, planned.folder) as tuned:
        ends = vocabulary.ends(base.tokenizer)
        trainer = agreement.compare(arm.answers, agreement.reference(tuned), ends)
    return figures | {"quantised_trainer": asdict(trainer)}


def _merged(base: Base, planned: Planned) -> Made:
    """A whole model as GGUF: DoRA merged into a copy of the base, or all weights trained."""
    file = lora_file(base.out, planned.name)
    more: Figures = {}
    if planned.method == "full":
        folder = str(planned.folder)
        whole, tokenizer = hub.load_model(folder).eval(), hub.load_tokenizer(folder)
    else:
        parity.hold_acting(adapters.trained(planned.folder), planned.folder)
        with folders.adapted(base.model, planned.folder) as tuned:
            whole, difference = folders.merged(base.name, planned.folder, tuned, base.prompts)
        tokenizer, more = base.tokenizer, {"merge_largest_logit_difference": difference}
    template, ends = template_for(tokenizer), vocabulary.ends(tokenizer)
    if base.settings.merge:
        folders.save(whole, tokenizer, template, base.merged(planned.name))
    gguf.write_model(whole, tokenizer, template, base.settings.quantisation, file)
    answers = parity.ask(file, [], tokenizer, base.chats, base.threads)[0]
    arm = parity.arm(answers, whole, gguf.weights(whole), file, ends)
    return Made(_adapter(base, planned, file), _proven(base, planned, arm, file) | more)


def _prompt(base: Base, planned: Planned) -> Made:
    name = hub.known_as(base.name)
    file = adapters.copy_prompt(planned.folder, base.out / planned.name, name)
    result = adapters.check_prompt(base.model, planned.folder, file.parent, base.prompts)
    figures = {"method": planned.method, "kind": planned.kind, "engine": "transformers"}
    return Made(_adapter(base, planned, file), figures | asdict(result))


def _proven(base: Base, planned: Planned, arm: parity.Arm, file: Path) -> Figures:
    """What parity.json says of it; InputError where the engine serves something else."""
    parity.hold(arm, base.settings.quantisation, file)
    effect = parity.effect(base.arm, arm, base.repeat)
    parity.hold_effect(effect, file)
    return {
        "method": planned.method,
        "kind": planned.kind,
        "engine": "llama.cpp",
        "float": asdict(arm.float),
        "stored": asdict(arm.stored),
        "effect": asdict(effect),
    }


def _adapter(base: Base, planned: Planned, file: Path) -> Adapter:
    place = file.relative_to(base.out).as_posix()
    return Adapter(name=planned.name, file=place, sha256=sha256(file), kind=planned.kind)


_KINDS: dict[Kind, Callable[[Base, Planned], Made]] = {
    "lora": _lora,
    "merged": _merged,
    "prompt": _prompt,
}
