"""From saved turns and a persona to token ids: formats, tokenizers and the budget."""
