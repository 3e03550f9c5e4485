"""What a recipe says about serving. No heavy import lives here."""

from pydantic import Field

from kamerton.formats.recipe import Section
from kamerton.formats.retrieval import DEFAULT, How
from kamerton.formats.serving import RemoteServer


class ServeSettings(Section):
    """How the engine and the gateway run."""

    host: str = "127.0.0.1"
    """Address to listen on; anything else than this machine needs a good reason."""
    port: int = Field(8000, ge=0, le=65535)
    """Port of the gateway; 0 takes a free one."""
    slots: int = Field(8, ge=1)
    """Answers computed at the same time, divided among the engines where there are several; one
    slot makes answers repeatable."""
    threads: int = Field(0, ge=0)
    """Processor threads, divided among the engines where there are several; 0: all cores."""
    passages: int = Field(1, ge=1)
    """Passages that retrieval puts before a question."""
    retrieval: How = DEFAULT
    """How passages are found: by meaning (cosine), by shared words (bm25), or by both (fused)."""
    remote: list[RemoteServer] = []
    """Models of other servers (Ollama, vLLM, a hosted one), offered beside the recipe's own."""
