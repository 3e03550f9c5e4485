"""Tiny random models of several architectures, and chats that they are asked."""

from pathlib import Path
from typing import Any

from kamerton.develop import hub
from kamerton.develop.export import gguf, parity, vocabulary
from kamerton.formats.chat import Message, chat
from tiny_model import make_tokenizer

CHATS = [
    chat("You are a museum guide.", "Where is the Idol of Pomos?"),
    chat("", "What was it made of,\n\n3000 BC?"),
    [*chat("", "In 1450 BC?", "Two dates:\n\n3000 BC"), Message(role="user", content="Why?")],
    chat("Кратко.", "Где хранится Идол из Помоса, №12, 1/2 €?"),
]
SIZES: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "tie_word_embeddings": True,
    "initializer_range": 0.12,
}


def save_model(folder: Path, kind: str, tokenizer: Any = None, **changes: Any) -> str:
    """A random model of `kind`, norms and biases random too, with its tokenizer."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    tokenizer = tokenizer or make_tokenizer()
    ids = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    config = AutoConfig.for_model(kind, vocab_size=len(tokenizer), **(SIZES | ids | changes))
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.add_(torch.randn_like(parameter) * 0.3)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def compared(base: str, file: Path, quantisation: str = "f16") -> parity.Arm:
    """The model written to `file`, read by the engine, and compared with itself."""
    tokenizer, model = hub.load_tokenizer(base), hub.load_model(base).eval()
    gguf.write_model(model, tokenizer, "chatml", quantisation, file)
    answers = parity.ask(file, [], tokenizer, CHATS, threads=1)[0]
    return parity.arm(answers, model, gguf.weights(model), file, vocabulary.ends(tokenizer))


def save_adapter(base: str, folder: Path, std: float, **settings: Any) -> Path:
    """A LoRA folder over all linear layers, none of its updates zero."""
    import torch
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM", **settings)
    torch.manual_seed(1)
    tuned = get_peft_model(hub.load_model(base), config)
    with torch.no_grad():
        for name, parameter in tuned.named_parameters():
            if "lora_B" in name:
                parameter.normal_(0, std)
    tuned.save_pretrained(folder, save_embedding_layers=False)
    return folder
