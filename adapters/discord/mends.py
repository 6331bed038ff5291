"""What an operator reads when Discord does not let the bot in, and how to mend it."""

from __future__ import annotations

PORTAL = "https://discord.com/developers/applications"
BAD_TOKEN = (
    f"Discord does not accept the bot token; copy a fresh one from {PORTAL} → your application → "
    "Bot → Reset Token"
)
BAD_SET_UP = (
    "Discord does not let this bot listen (code {code}: {reason}). A bot in very many servers "
    "needs sharding, which Quipu does not have; else look for a newer Quipu"
)
NEVER_AGAIN = {4010, 4011, 4012, 4013}
"""Shards, API version or intents: refused again, and every try costs one of 1,000 a day."""
NO_INTENT = (
    "Discord refuses the message-content intent; either switch on “Message Content Intent” under "
    f"{PORTAL} → your application → Bot → Privileged Gateway Intents, or set message_content to "
    "false (mentions, replies and direct messages work without it)"
)
