"""How the demonstration model is made: dialogues by grammar, tokenizer, training and measure."""
