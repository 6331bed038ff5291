"""A real Llama checkpoint made small: random weights, saved as any other."""

from __future__ import annotations

from pathlib import Path

from tests.pieces import train_pieces


def make_checkpoint(
    folder: Path, *, context: int = 4096, seed: int = 0, head_dim: int = 16
) -> Path:
    """Save a Llama of two layers and grouped-query attention, with the tests' tokenizer."""
    import torch
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

    folder.mkdir(parents=True, exist_ok=True)
    pieces = train_pieces()
    (folder / "tokenizer.model").write_bytes(pieces)
    config = LlamaConfig(
        vocab_size=400,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=head_dim,
        max_position_embeddings=context,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=None,
        tie_word_embeddings=False,
    )
    torch.manual_seed(seed)
    model = LlamaForCausalLM(config)
    with torch.no_grad():  # an end of sequence is never the likeliest, so an answer has its length
        model.lm_head.weight[2] = 0.0
    model.generation_config = GenerationConfig(bos_token_id=1, eos_token_id=2, do_sample=False)
    model.save_pretrained(folder)
    return folder
