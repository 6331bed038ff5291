"""Every setting of a Place, declared once: its type, its range, and what may be chosen.

A Place inherits what it has not set: thread, channel, workspace, configuration.
"""

from __future__ import annotations

from bot.control.declarations import Argument, Kind

MODEL = (Argument("model", Kind.CHOICE, source="models"),)
ADAPTER = (Argument("adapter", Kind.CHOICE, source="adapters"),)
SAMPLING = (
    Argument("temperature", Kind.NUMBER, least=0, most=5),
    Argument("top_p", Kind.NUMBER, least=0.01, most=1),
    Argument("top_k", Kind.INTEGER, least=0, most=1000),
    Argument("max_new_tokens", Kind.INTEGER, least=1, most=131_072),
    Argument("repetition_penalty", Kind.NUMBER, least=0.5, most=2),
    Argument("seed", Kind.INTEGER, least=0, most=2**53 - 1),
)
ANSWERS = (
    Argument("when", Kind.CHOICE, choices=("mention", "always", "never")),
    Argument("threads", Kind.SWITCH),
    Argument("bots", Kind.SWITCH),
    Argument("names", Kind.SWITCH),
)
SHARED = frozenset({"when", "threads", "names"})
"""What a direct message has no use for: whatever is said there is answered, in one conversation."""

LIMITS = (
    Argument("person_messages", Kind.INTEGER, least=0, most=1_000_000),
    Argument("person_tokens", Kind.INTEGER, least=0, most=1_000_000_000),
    Argument("channel_messages", Kind.INTEGER, least=0, most=1_000_000),
    Argument("channel_tokens", Kind.INTEGER, least=0, most=1_000_000_000),
)
RETENTION = (Argument("retention", Kind.INTEGER, least=0, most=3650),)

SETTINGS = {
    argument.name: argument
    for group in (MODEL, ADAPTER, SAMPLING, ANSWERS, LIMITS, RETENTION)
    for argument in group
}
"""By name. For limits and retention, 0 is none; limits count in one day (UTC)."""
