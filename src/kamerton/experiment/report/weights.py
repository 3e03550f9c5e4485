"""On which weights an adapter was trained, and on which it is served, where these are not one."""

from typing import Any

from kamerton.experiment.report.material import Compared
from kamerton.formats.language import say

_KINDS = {4: "NF4", 8: "int8"}
"""How QLoRA rounds its base to so many bits."""


def weights(material: Compared) -> str:
    """A line of the model card on a QLoRA adapter's weights; empty for any other method.

    An export of several adapters proves them all; the card is of one, and tells of that one.
    """
    proved = material.parity.get("adaptations") or {}
    figures: dict[str, Any] = proved.get(material.name) or {}
    bits = figures.get("trained_on_bits")
    if bits is None:
        return ""
    values = {"name": material.name, "bits": bits, "kind": _KINDS.get(bits, "")}
    stored = material.parity.get("quantisation")
    text = say("experiment.weights_qlora", **values, quantisation=stored)
    apart = figures.get("quantised_trainer")
    key = "apart" if apart else "unmeasured"
    return f"- {text} {say(f'experiment.weights_{key}', **(apart or {}))}"
