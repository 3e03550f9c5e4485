"""One message of a chat, as every engine reads it."""

from pydantic import BaseModel, ConfigDict


class Turn(BaseModel):
    """One message; fields that we do not know pass through."""

    model_config = ConfigDict(extra="allow")
    role: str
    content: str
