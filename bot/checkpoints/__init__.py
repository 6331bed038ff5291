"""Where a model's files come from: the Hugging Face hub, its cache on this machine, a folder."""
