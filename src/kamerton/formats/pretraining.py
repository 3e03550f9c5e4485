"""What pretraining leaves behind: its figures, and how the model's continuations changed."""

from kamerton.formats.jsonl import Record

PRETRAINING, CONTINUATIONS = "pretraining.json", "continuations.jsonl"


class Continuation(Record):
    """What the model went on to say after a prompt, greedily, at one step of its training."""

    step: int
    prompt: str
    text: str
    """The continuation alone, without the prompt."""


class Evaluation(Record):
    """The held-out rows under the model at one step."""

    step: int
    loss: float
    """Nats for each token; padding and marks of beginning are no targets."""
    nats_per_character: float
    """The same total over the characters of the held-out texts: other tokenizers compare."""


class Pretraining(Record):
    """One pretraining run in figures."""

    parameters: int
    architecture: dict[str, object]
    train_tokens: int
    """Of the corpus, each counted once."""
    seen_tokens: int
    """Targets that the run learnt from."""
    steps: int
    seconds: float
    loss: list[tuple[int, float]]
    """Step and training loss."""
    evaluations: list[Evaluation]
    ngram_order: int = 0
    ngram_nats_per_character: float | None = None
    """Of an interpolated Kneser-Ney model of the same training tokens, on the same held-out
    rows."""
    ratio_to_ngram: float | None = None
    """Perplexity per character of the model over that of the n-gram model: below 1 is better."""
