"""The export stage: a base and its adaptations as files of their engines, proven, and listed.

    export(settings, base, [Trained("museum", tune), ...], system, chats, out, index, threads)

is the whole of it; `export_run(settings, base, {name: (data, tune)}, out, threads)` is the call
for a run, whose system prompts, chats and index are its datasets'.
"""

import json
import math
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from kamerton.develop import hub
from kamerton.develop.export import adapters, gguf, kinds, parity, vocabulary
from kamerton.develop.export import folders as hf
from kamerton.develop.export.kinds import Base, Figures, Made
from kamerton.develop.export.plan import Planned, Trained, plan, probes
from kamerton.develop.hub import template_for
from kamerton.develop.settings import ExportSettings
from kamerton.formats import templates
from kamerton.formats.chat import Message
from kamerton.formats.jsonl import read_text, write_text
from kamerton.formats.language import say
from kamerton.formats.manifest import sha256
from kamerton.formats.progress import note
from kamerton.formats.serving import FILE, ServingSpec

__all__ = ["PARITY", "Trained", "export", "export_run"]
PARITY, MERGE = "parity.json", "merge.json"
_MEASURED = (
    "float: the engine against the trainer's float32 model; stored: against the same model with "
    "the weights as the file holds them. kl_mean, kl_largest: nats, over the positions of greedy "
    "answers to the probe chats, over the engine's 200 most likely tokens and all others as one "
    "(a lower bound of the divergence over the whole vocabulary). same_tokens: equal choices."
)


def export_run(
    settings: ExportSettings,
    base: str,
    folders: Mapping[str, tuple[Path, Path]],
    out: Path,
    threads: int = 0,
) -> ServingSpec:
    """Export a run: `folders` are each adaptation's dataset and its tune stage's output, by name.

    System prompts and probe chats are the datasets'. One index is served: the first dataset's
    that has one.
    """
    datasets = {data: "" for data, _ in folders.values()}
    for data in datasets:
        datasets[data] = str(json.loads(read_text(data / "dataset.json")).get("system", ""))
    tuned = [Trained(name, tune, datasets[data]) for name, (data, tune) in folders.items()]
    indexes = [data / "index" for data in datasets if (data / "index").is_dir()]
    if len(indexes) > 1:
        note(say("develop.export_one_index", path=indexes[0]))
    system, index = next(iter(datasets.values()), ""), next(iter(indexes), None)
    return export(settings, base, tuned, system, probes(datasets), out, index, threads)


def export(
    settings: ExportSettings,
    base: str,
    tuned: Sequence[Trained],
    system: str,
    chats: Sequence[Sequence[Message]],
    out: Path,
    index: Path | None = None,
    threads: int = 0,
) -> ServingSpec:
    """Write base.gguf, each adaptation's files, parity.json, index/ and serving.json into `out`.

    For soft prompts the float base comes along too, weights/: their engine reads no GGUF. With
    `settings.merge` each becomes a Hugging Face folder too, merged/ (of several merged/NAME/).
    Raises InputError, and leaves no serving.json, for what cannot be exported (before any weights
    load) and for files that do not do what the trainer's model does.
    """
    for name in (FILE, PARITY, MERGE):
        (out / name).unlink(missing_ok=True)
    # Waiting threads do not spin: a busy neighbour then costs half, not more (decision 0001).
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # read when torch loads its OpenMP
    import torch

    if threads:
        torch.set_num_threads(threads)
    planned = plan(settings, base, tuned)
    out.mkdir(parents=True, exist_ok=True)
    shared = _base(settings, base, planned, chats, out, threads)
    made = [kinds.make(shared, one) for one in planned]
    brought = ""
    if any(one.adapter.kind == "prompt" for one in made):
        brought = hf.BASE
        hf.save_base(base, shared.model, shared.tokenizer, out / brought)
        hf.check_base(out / brought, shared.model, chats, shared.prompts)
    template_sha256 = templates.sha256(shared.template)
    write_text(out / PARITY, _json(_figures(shared, made)))
    if settings.merge:
        key = "merge_largest_logit_difference"
        differences = {one.adapter.name: one.figures[key] for one in made if key in one.figures}
        merges: Figures = {"largest_logit_difference": max(differences.values(), default=0.0)}
        merges |= {"adaptations": differences, "template_sha256": template_sha256}
        write_text(out / MERGE, _json(merges))
    if index is not None:
        shutil.copytree(index, out / "index", dirs_exist_ok=True)
    systems = {t.name: t.system for t in tuned if t.system is not None and t.system != system}
    spec = ServingSpec(
        base=shared.file.name,
        base_name=hub.title(base),
        base_sha256=sha256(shared.file),
        weights=brought,
        adapters=[one.adapter for one in made],
        system=system,
        systems=systems,
        context=settings.context,
        index="index" if index else None,
        template=shared.template,
        template_sha256=template_sha256,
    )
    write_text(out / FILE, spec.model_dump_json(indent=2) + "\n")
    return spec


def _base(
    settings: ExportSettings,
    base: str,
    planned: Sequence[Planned],
    chats: Sequence[Sequence[Message]],
    out: Path,
    threads: int,
) -> Base:
    """The base as GGUF with all LoRA adapters beside it, asked and proven in one engine."""
    tokenizer, model = hub.load_tokenizer(base), hub.load_model(base).eval()
    file, values = out / "base.gguf", gguf.weights(model)
    gguf.write_model(model, tokenizer, template_for(tokenizer), settings.quantisation, file)
    loras = [one for one in planned if one.kind == "lora"]
    files = []
    for one in loras:
        files.append(kinds.lora_file(out, one.name))
        adapters.write_lora(one.folder, model.config, files[-1])
        trained, written = adapters.trained(one.folder), adapters.written(files[-1], file)
        parity.hold_modules(trained, written, files[-1])  # all modules that were trained
    names = [one.name for one in loras]
    answers = parity.ask(file, files, tokenizer, chats, threads)
    arm = parity.arm(answers[0], model, values, file, vocabulary.ends(tokenizer))
    parity.hold(arm, settings.quantisation, file)
    return Base(
        settings=settings,
        name=base,
        tokenizer=tokenizer,
        model=model,
        weights=values,
        file=file,
        arm=arm,
        answers=dict(zip(names, answers[1:-1], strict=True)),
        repeat=parity.repeat(answers[0], answers[-1]),
        chats=chats,
        prompts=[vocabulary.prompt_ids(tokenizer, messages) for messages in chats],
        out=out,
        threads=threads,
        single=len(planned) == 1,
    )


def _figures(base: Base, made: Sequence[Made]) -> Figures:
    """parity.json: a summary of the first tokens after the chats, then everything by name."""
    summary = {
        "chats": len(base.chats),
        "same_token_ids": len(base.chats),
        "next_tokens": base.arm.float.first_tokens,
        "same_next_token_base": base.arm.float.same_first_tokens,
        "quantisation": base.settings.quantisation,
    }
    if made:
        totals, same, differences, effects = zip(
            *(_first_tokens(one.figures) for one in made), strict=True
        )
        summary |= {
            "next_tokens_adapted": sum(totals),
            "same_next_token_adapted": sum(same),
            "largest_logprob_difference": max(differences),
            "smallest_adapter_effect": min(effects),
        }
    return summary | {
        "base": {"float": asdict(base.arm.float), "stored": asdict(base.arm.stored)},
        "adaptations": {one.adapter.name: one.figures for one in made},
        "measured": [_MEASURED],
    }


def _first_tokens(figures: Figures) -> tuple[int, int, float, float]:
    """Of an adaptation: first tokens, equal ones, largest log-probability difference, effect."""
    if figures["kind"] == "prompt":
        total, of, effect = figures["chats"], figures, figures["effect"]
    else:
        of, effect = figures["float"], figures["effect"]["largest"]
        total = of["first_tokens"]
    return total, of["same_first_tokens"], of["largest_logprob_difference"], effect


def _json(figures: Figures) -> str:
    return json.dumps(_rounded(figures), indent=2, allow_nan=False) + "\n"


def _rounded(value: Any) -> Any:
    """Numbers to four significant figures; what is not finite becomes null."""
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, float):
        return float(f"{value:.4g}") if math.isfinite(value) else None
    return value
