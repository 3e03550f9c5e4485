"""A chat request as the transformers engine reads it, with llama.cpp's values for what is left out.

Arms of one folder are compared with each other, and must not differ by a default: what a request
does not say is the same here as in the engine beside it.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kamerton.engines.errors import ApiError
from kamerton.engines.request import Turn

_HARMLESS = frozenset({"model", "n", "user", "metadata", "store", "id_slot", "cache_prompt"})
"""Fields that change nothing in an answer."""

Tokens = Literal[-1] | Annotated[int, Field(ge=1)]
"""A number of tokens; -1: as many as there is room for."""


class StreamOptions(BaseModel):
    """What a stream carries beside its text."""

    include_usage: bool | None = None


class Asked(BaseModel):
    """The fields that the engine knows; None stands for a field that was not sent."""

    model_config = ConfigDict(extra="allow")
    adapter: str
    messages: list[Turn] = Field(min_length=1)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Tokens | None = None
    max_completion_tokens: Tokens | None = None
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = Field(None, ge=0, le=1)
    min_p: float | None = Field(None, ge=0, le=1)
    stop: str | list[str] | None = None
    seed: int | None = None

    @property
    def stops(self) -> list[str]:
        """Texts that end the answer."""
        return [self.stop] if isinstance(self.stop, str) else self.stop or []

    @property
    def most(self) -> int | None:
        """Tokens that the answer may have; None: as many as there is room for."""
        asked = self.max_completion_tokens or self.max_tokens
        return None if asked in (None, -1) else asked


def read(body: Any) -> Asked:
    """A request, checked; ApiError (400) names the field, also one that would be ignored."""
    try:
        asked = Asked.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise ApiError(400, f"{field}: {first['msg']}", param=field) from error
    for field, value in (asked.model_extra or {}).items():
        if value and field not in _HARMLESS:
            message = f"{field}: this model's engine (transformers) does not know it; leave it out"
            raise ApiError(400, message, param=field)
    return asked
