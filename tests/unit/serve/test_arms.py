"""Model ids, and the adapters that each switches on."""

from kamerton.engines.llamacpp import scales
from kamerton.formats.serving import Adapter, ServingSpec
from kamerton.serve.arms import arms

MUSEUM = Adapter(name="museum", file="museum.gguf", sha256="")
SPEC = ServingSpec(base="base.gguf", base_name="b", base_sha256="", adapters=[MUSEUM])


def test_without_an_index_there_is_no_retrieval() -> None:
    assert list(arms(SPEC)) == ["base", "museum"]


def test_with_an_index_every_model_has_a_twin() -> None:
    offered = arms(SPEC.model_copy(update={"index": "index"}))
    assert list(offered) == ["base", "museum", "base+rag", "museum+rag"]
    assert offered["museum+rag"].adapter == "museum"


def test_every_adapter_is_named_with_every_request() -> None:
    assert scales(None, ("a", "b")) == [{"id": 0, "scale": 0.0}, {"id": 1, "scale": 0.0}]
    assert scales("b", ("a", "b")) == [{"id": 0, "scale": 0.0}, {"id": 1, "scale": 1.0}]
