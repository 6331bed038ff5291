"""LoRA adapters, many in one batch."""
