"""What an exported model offers to a server: `serving.json` beside the weights."""

from typing import Literal

from kamerton.formats.jsonl import Record
from kamerton.formats.recipe import Section

FILE = "serving.json"
BASE, RAG = "base", "+rag"
"""Model ids: the base's own, and what an id with retrieval ends with."""
Kind = Literal["lora", "merged", "prompt"]


class Adapter(Record):
    """One adaptation of the base; `name` is the model id that clients ask for."""

    name: str
    file: str
    sha256: str
    kind: Kind = "lora"
    """`lora`: an adapter as GGUF, on the shared base. `merged`: a whole model as GGUF (DoRA, full
    fine-tuning). `prompt`: a PEFT prompt-tuning adapter's `.safetensors`, beside it its
    `adapter_config.json`, for the transformers engine; its float base is `weights`."""


class RemoteServer(Section):
    """Models of another server behind the OpenAI API: Ollama, vLLM, a hosted one."""

    base_url: str
    """Its address with /v1."""
    models: dict[str, str] = {}
    """Model id here to the one there; empty: all that it offers, by their own ids."""
    api_key_env: str = ""
    """Name of the environment variable that holds its key; empty: it needs none."""
    trusted_hosts: list[str] = []
    """Hosts beside this machine that may see what visitors ask."""
    leaves_machine: bool = False
    """Allow any other host to see it."""


class ServingSpec(Record):
    """One base, its adapters, an index, and other servers; paths are those in the file's folder.

    Model ids follow from it: `base`, each adapter's name, those of the other servers, and the same
    with `+rag` where there is an index.
    """

    base: str = ""
    """Empty: other servers answer for every model."""
    base_name: str = ""
    base_sha256: str = ""
    weights: str = ""
    """Folder of the float base inside this one, where an adapter needs the transformers engine,
    empty otherwise; its hashes.json says what its files are."""
    adapters: list[Adapter] = []
    remote: list[RemoteServer] = []
    system: str = ""
    """System prompt put before chats that have none: the one of the training rows."""
    systems: dict[str, str] = {}
    """The same for single adapters, by name, where several were trained with different ones."""
    context: int = 1024
    """Tokens of prompt and answer together that each slot has room for."""
    index: str | None = None
    template: str = "chatml"
    template_sha256: str = ""
