"""transformers: soft prompts on a float base."""
