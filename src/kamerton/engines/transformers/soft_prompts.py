"""A float base with soft prompts on it (Lester et al. 2021, arXiv:2104.08691), and its answers."""

import threading
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from kamerton.engines.detokenizer import Detokenizer
from kamerton.engines.openai_api import ApiError, ChatRequest
from kamerton.engines.transformers.engine import SoftPromptSettings
from kamerton.engines.weights import decoder, end_tokens, float_model
from kamerton.formats import templates
from kamerton.formats.chat import chat_ids

_LIKELIEST = 10


@dataclass(frozen=True)
class Finish:
    """How an answer ended; tokens of the soft prompt are in no count."""

    reason: Literal["stop", "length"]
    prompt_tokens: int
    completion_tokens: int


class SoftPrompted:
    """The base once, and the embeddings [virtual tokens, hidden] of each soft prompt.

    Nothing is kept from one answer to the next: there is no cache that arms could mix.
    Not for several threads at once.
    """

    def __init__(self, settings: SoftPromptSettings) -> None:
        """Load the base in float32 on the CPU, as the trainer does, and all soft prompts.

        Raises OSError, ValueError or SafetensorError for a folder that is no whole model.
        """
        import torch
        from transformers import AutoTokenizer, GenerationConfig

        torch.set_num_threads(settings.threads)
        self._tokenizer = AutoTokenizer.from_pretrained(settings.weights)
        base = float_model(settings.weights)
        base.generation_config = GenerationConfig()  # requests decide, not the folder
        self._ends, self._decode = end_tokens(self._tokenizer), decoder(self._tokenizer)
        self._template = templates.for_engine(settings.template)
        # PEFT names modules after adapters: no name with a dot in it would do.
        self._numbers = {name: str(i) for i, name in enumerate(settings.adapters)}
        self._model = _with_prompts(base, list(settings.adapters.values()))
        self._room = _room(base.config, self._model, settings.context)
        # The first use may still change the tokenizer; later ones come from two threads.
        self.tokens([{"role": "user", "content": "?"}])

    def tokens(self, chat: list[dict[str, Any]]) -> list[int]:
        """Token ids of a chat up to where the answer begins."""
        options = {"chat_template": self._template, "add_generation_prompt": True}
        return chat_ids(self._tokenizer, chat, **options)

    def next_token(self, prompt: str, adapter: str | None) -> dict[int, float]:
        """Log-probabilities of the likeliest next tokens by id, in nats; None: the bare base."""
        import torch

        ids = self._tokenizer(prompt, add_special_tokens=False, return_tensors="pt").input_ids
        with torch.no_grad():
            if adapter is not None:
                self._switch(adapter)
            with nullcontext() if adapter is not None else self._model.disable_adapter():
                logits = self._model(input_ids=ids).logits[0, -1]
        top = logits.log_softmax(-1).topk(min(_LIKELIEST, logits.shape[-1]))
        return dict(zip(top.indices.tolist(), top.values.tolist(), strict=True))

    def _switch(self, adapter: str) -> None:
        if adapter not in self._numbers:
            raise ApiError(404, f"the engine has no adapter '{adapter}'", param="adapter")
        self._model.set_adapter(self._numbers[adapter])

    def room(self, ids: list[int], limit: int | None) -> int:
        """Tokens that the answer to a prompt of `ids` may have; ApiError (400) where none fits."""
        left = self._room - len(ids)
        if left < 1:
            message = f"the chat has {len(ids)} tokens, and with its answer may have {self._room}"
            raise ApiError(400, message, type="exceed_context_size_error")
        return min(left, limit or left)

    def generate(
        self,
        request: ChatRequest,
        ids: list[int],
        on_text: Callable[[str], None],
        cancelled: threading.Event,
    ) -> Finish:
        """Answer the prompt `ids`, text by text; ends early once `cancelled` is set."""
        import torch
        from transformers import StoppingCriteriaList

        criterion = _StopCriterion(
            Detokenizer(self._decode, request.stops), self._ends, len(ids), on_text, cancelled
        )
        if cancelled.is_set():  # the client left while others were answered
            return Finish("length", len(ids), 0)
        self._switch(request.model)
        if request.seed in (None, -1):  # -1 is none
            torch.seed()
        else:
            torch.manual_seed(request.seed % 2**63)
        prompt = torch.tensor([ids])
        with torch.no_grad():
            self._model.generate(
                input_ids=prompt,
                attention_mask=torch.ones_like(prompt),
                generation_config=self._config(request, self.room(ids, request.limit)),
                logits_processor=_logits_processors(request),
                stopping_criteria=StoppingCriteriaList([criterion]),
            )
        on_text(criterion.detokenizer.rest())
        return Finish("stop" if criterion.ended else "length", len(ids), criterion.count)

    def _config(self, request: ChatRequest, limit: int) -> Any:
        from transformers import GenerationConfig

        # What narrows the choice stands in `_logits_processors`; here all of the library's is off.
        off = {"temperature": 1.0, "top_k": 0, "top_p": 1.0} if _samples(request) else {}
        return GenerationConfig(
            max_new_tokens=limit,
            do_sample=_samples(request),
            eos_token_id=self._ends,
            pad_token_id=self._ends[0],
            **off,
        )


class _StopCriterion:
    """Sees each token as it is chosen, and says when to end: what a stopping criterion may do."""

    def __init__(
        self,
        detokenizer: Detokenizer,
        ends: Sequence[int],
        prompt: int,
        on_text: Callable[[str], None],
        cancelled: threading.Event,
    ) -> None:
        self.detokenizer, self._ends, self._prompt = detokenizer, frozenset(ends), prompt
        self._on_text, self._cancelled = on_text, cancelled
        self.ended, self.count = False, 0

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        """Whether the only row of `input_ids` [1, tokens so far] is done, as a tensor [1]."""
        import torch

        token = int(input_ids[0, -1])
        self.count = input_ids.shape[1] - self._prompt
        if token in self._ends:
            self.ended = True
        else:
            self._on_text(self.detokenizer.add(token))
            self.ended = self.detokenizer.stopped
        return torch.tensor([self.ended or self._cancelled.is_set()])


def _samples(request: ChatRequest) -> bool:
    return request.temperature is None or request.temperature > 0


def _logits_processors(request: ChatRequest) -> Any:
    """llama.cpp's chain in its order, top-k, top-p, min-p, temperature, with its defaults."""
    from transformers import (
        LogitsProcessorList,
        MinPLogitsWarper,
        TemperatureLogitsWarper,
        TopKLogitsWarper,
        TopPLogitsWarper,
    )

    if not _samples(request):
        return LogitsProcessorList()
    top_k = 40 if request.top_k is None else request.top_k
    top_p = 0.95 if request.top_p is None else request.top_p
    min_p = 0.05 if request.min_p is None else request.min_p
    temperature = 0.8 if request.temperature is None else request.temperature
    chain = [TopKLogitsWarper(top_k)] if top_k > 0 else []
    chain += [TopPLogitsWarper(top_p)] if top_p < 1 else []
    chain += [MinPLogitsWarper(min_p)] if min_p > 0 else []
    return LogitsProcessorList([*chain, TemperatureLogitsWarper(temperature)])


def _with_prompts(base: Any, files: list[str]) -> Any:
    """The base with each file's soft prompt as adapter "0", "1" and so on."""
    import warnings

    from peft import PeftConfig, PeftModelForCausalLM, set_peft_model_state_dict
    from safetensors.torch import load_file

    # peft asks transformers 5 for a name that it is about to drop, and tells of positions that
    # soft prompts shift: nothing for a user to act on.
    warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*")
    warnings.filterwarnings("ignore", message=".*osition ids are not supported.*")
    model: Any = None
    for number, file in enumerate(files):
        config = PeftConfig.from_pretrained(str(Path(file).parent))
        config.inference_mode = True  # nothing is drawn or looked up to begin with
        if model is None:
            model = PeftModelForCausalLM(base, config, adapter_name=str(number))
        else:
            model.add_adapter(str(number), config)
        set_peft_model_state_dict(model, load_file(file), adapter_name=str(number))
    return model.eval()


def _room(config: Any, model: Any, context: int) -> int:
    """Tokens of chat and answer: as many as other arms have, and as the model has positions for."""
    longest = max(peft.num_virtual_tokens for peft in model.peft_config.values())
    positions = getattr(config, "max_position_embeddings", None)
    return min(context, positions - longest) if positions else context
