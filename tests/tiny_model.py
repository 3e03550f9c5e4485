"""A real Hugging Face model of about a million parameters, made on the spot, for tests."""

from pathlib import Path
from typing import Any

TEXT = (
    "The Idol of Pomos is carved from picrolite. Where is the Lady of Lemba kept today? "
    "You are a museum guide. Answer in one short sentence. It was made about 3000 BC. "
    "Где хранится идол из Помоса? Он хранится в Кипрском музее в Никосии. "
    "What material was used for the Horned God?\n\nIt was cast in bronze at Enkomi.\n\n"
)
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


def make_tokenizer() -> Any:
    """A byte-level BPE tokenizer of 600 tokens in the ChatML form, every digit its own token."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    digits = pre_tokenizers.Digits(individual_digits=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [digits, pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([TEXT] * 4, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        pad_token="<|im_end|>",  # as SmolLM2 has it: masks must go by position
    )


def make_model(folder: Path, seed: int = 0, **changes: Any) -> Path:
    """A random Llama with grouped heads, tied weights and its tokenizer, saved in `folder`."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    tokenizer = make_tokenizer()
    settings: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "hidden_size": 128,
        "intermediate_size": 256,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 1024,
        "tie_word_embeddings": True,
        "initializer_range": 0.08,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }
    LlamaForCausalLM(LlamaConfig(**(settings | changes))).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
