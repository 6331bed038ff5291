"""Models behind an OpenAI-compatible server: prompts out over HTTP, streams of text in."""
