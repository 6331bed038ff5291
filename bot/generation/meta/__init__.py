"""Meta's own download becomes a checkpoint that loads."""
