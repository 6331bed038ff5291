"""The ways to run a model, one per file; each lives in a process of its own."""
