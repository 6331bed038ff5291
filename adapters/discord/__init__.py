"""Discord: gateway events in, messages and edits out, the persona's slash commands."""
