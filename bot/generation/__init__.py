"""From token ids to token ids: many conversations at once, on one thread that owns the model."""
