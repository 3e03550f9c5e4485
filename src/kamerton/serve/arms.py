"""The model ids that a served folder offers, and what each stands for."""

from dataclasses import dataclass

from kamerton.formats.serving import BASE, RAG, ServingSpec


@dataclass(frozen=True)
class Arm:
    """One model id: an adapter or none, with or without retrieval."""

    id: str
    adapter: str | None
    retrieval: bool


def arms(spec: ServingSpec) -> dict[str, Arm]:
    """All model ids: base and each adapter, and the same with retrieval where there is an index."""
    names: list[str | None] = [None, *(adapter.name for adapter in spec.adapters)]
    plain = [Arm(name or BASE, name, False) for name in names]
    with_index = [Arm(arm.id + RAG, arm.adapter, True) for arm in plain] if spec.index else []
    return {arm.id: arm for arm in plain + with_index}
