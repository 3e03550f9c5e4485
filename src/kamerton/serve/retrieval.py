"""Passages for a question, out of the index that the data stage built."""

from pathlib import Path

from kamerton.engines.errors import ApiError
from kamerton.formats.errors import InputError
from kamerton.formats.language import say
from kamerton.formats.progress import note
from kamerton.formats.retrieval import DEFAULT, Chunk, How
from kamerton.retrieval.search import ForeignIndex, find, load


class Retriever:
    """An index in memory; the encoder is loaded with it, so that no visitor waits for it."""

    def __init__(self, folder: Path, how: How = DEFAULT) -> None:
        """Load the index in `folder`; InputError for a damaged one or one of another encoder."""
        try:
            self._index = load(folder, how)
        except ForeignIndex as error:
            raise InputError(
                "serve.index_encoder", where=error.where, has=error.has, wanted=error.wanted
            ) from error
        at = self._index.meta.endpoint
        if at and how != "bm25":
            note(say("serve.questions_leave", url=at.base_url, model=at.model))

    def find(self, question: str, count: int) -> list[Chunk]:
        """The `count` passages that suit the question best, the best first.

        Raises ApiError (503) where the index's endpoint does not answer.
        """
        try:
            hits = find(self._index, question, count)
        except InputError as error:
            raise ApiError(503, f"retrieval: {error}", type="server_error") from error
        return [hit.chunk for hit in hits]
