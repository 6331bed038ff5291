"""Discord: gateway events in, messages and edits out; commands, buttons and forms both ways."""
