"""Messages on their way in."""

from __future__ import annotations

import re

from adapters.discord import markup as discord_markup
from adapters.slack import markup as slack_markup
from bot import plain
from tests.fuzz import hostile
from tests.fuzz.draws import Draws

NAMES = discord_markup.Names({1: "Ann", 7: "Quipu"}.get, {2: "keepers"}.get, {3: "knots"}.get)
LINE_ENDS = re.compile(r"[\r\v\f\x85\u2028\u2029]")


def slack(draws: Draws) -> None:
    """Slack's markup is undone, and the bot's own mention is gone from both ends."""
    text = hostile.text(draws, 12, (*hostile.SLACK, *hostile.BREAKS, *hostile.WORDS))
    said = slack_markup.without_mention(text, "UBOT", "Quipu")
    assert not re.search(r"<@UBOT(\|[^<>\n]*)?>", said)
    shown = slack_markup.readable(said, {"U1": "Ann"}.get)
    assert len(shown) <= 20 * len(text) + 20
    assert slack_markup.unescaped(slack_markup.escaped(text)) == text
    assert slack_markup.readable(slack_markup.escaped(text), dict[str, str]().get) == text


def discord(draws: Draws) -> None:
    """Discord's markup is undone, and the bot's own mention is gone."""
    text = hostile.text(draws, 12, (*hostile.DISCORD, *hostile.BREAKS, *hostile.WORDS))
    said = discord_markup.without_mention(text, 7, "Quipu")
    assert not re.search(r"<@!?7>", said)
    shown = discord_markup.readable(said, NAMES)
    assert len(shown) <= 20 * len(text) + 20
    if "<" not in text:
        assert shown == text.strip()


def kept(draws: Draws) -> None:
    """Every text can be stored, has one kind of line end, and loses nothing else."""
    text = hostile.text(draws, 12)
    safe = plain.text(text)
    assert safe.encode("utf-8").decode("utf-8") == safe
    assert not LINE_ENDS.search(safe)
    assert "\0" not in safe
    assert plain.text(safe) == safe
    assert len(safe) <= len(text)
