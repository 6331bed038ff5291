"""The model's words on their way out."""

from __future__ import annotations

import re
from itertools import pairwise

import regex

from adapters.slack.blocks import LONGEST_SECTION, fallback, messages, section
from adapters.slack.pings import harmless, settled
from bot.text.honest import honest
from bot.text.split import split
from bot.text.stream import TextStream
from tests.fuzz import hostile
from tests.fuzz.draws import Draws
from tests.fuzz.vocabularies import small

PING = re.compile(r"<(?:!(?i:channel|here|everyone|group|subteam)|@[UWBS][A-Z0-9])")
DISGUISE = re.compile(r"<(?:https?|mailto|ftp):[^<>|\s]*\||<!date\^", re.IGNORECASE)
UNSEEN = regex.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]"
)
WRITTEN = (*hostile.MARKDOWN, *hostile.SLACK, *hostile.DISCORD, *hostile.BREAKS, *hostile.WORDS)


def written(draws: Draws, most: int) -> str:
    """As a decoder gives it: no lone surrogates."""
    return hostile.text(draws, most, WRITTEN).encode("utf-8", "replace").decode()


def streams(draws: Draws) -> None:
    """Whole characters leave, up to the first stop string, however the ids come."""
    tokenizer = small()
    # Control tokens end an answer or are barred.
    known = [token for token in range(tokenizer.vocab_size) if token not in tokenizer.control_ids]
    ids = [draws.pick(known) for _ in range(draws.below(40))]
    text = written(draws, 3)
    ids += tokenizer.encode(text)
    stops = [f"\n{hostile.piece(draws)}:" for _ in range(draws.below(3))]
    stream, at, shown = TextStream(tokenizer.decode, stops), 0, ""
    while at < len(ids) and not stream.stopped:
        size = 1 + draws.below(4)
        shown += stream.push(ids[at : at + size])
        at += size
    shown += stream.finish()
    assert not any(stop in shown for stop in stops)
    whole = tokenizer.decode(ids[:at]).lstrip()
    assert stream.stopped or "\ufffd" in whole or shown == whole


def pings(draws: Draws) -> None:
    """Nothing pings on Slack and no link is disguised there, wherever a stream is cut."""
    text = written(draws, 8)
    assert not PING.search(harmless(text))
    assert not DISGUISE.search(harmless(text))
    assert len(harmless(text)) == len(text)
    sent = ""
    for at in sorted(draws.below(len(text) + 1) for _ in range(3)):
        grown = settled(text[:at])
        assert grown.startswith(sent)
        sent = grown
    assert harmless(text).startswith(sent)
    assert not PING.search(fallback(text))
    shown = section(text)["text"]["text"]
    assert len(shown) <= LONGEST_SECTION
    assert not PING.search(shown)


def parts(text: str, limit: int, hides: str) -> list[str]:
    """The parts of a text, which lose nothing and cut no character."""
    found = split(text, limit, hides=hides)
    assert all(len(part.shown) <= limit and part.shown.strip() for part in found)
    assert all(one.end == other.start for one, other in pairwise(found))
    assert not text[: found[0].start if found else len(text)].strip()
    assert not found or found[-1].end == len(text)
    clusters = {match.end() for match in regex.finditer(r"\X", text)}
    longest = max(map(len, regex.findall(r"\X", text)), default=0)
    # In a fence that is opened anew there is less room.
    assert longest > limit - 100 or all(part.end in clusters for part in found)
    return [part.shown for part in found]


def slack(draws: Draws) -> None:
    """Messages hold what Slack takes; nothing unseen, nothing lost, no ping."""
    text = honest(written(draws, 24))
    assert not UNSEEN.search(text)
    shown = parts(text, 160 + draws.below(200), "")
    assert not any(PING.search(harmless(part)) for part in shown)
    for body in messages(text * draws.pick((1, 1, 40))):
        assert sum(len(block.get("text") or "") for block in body["blocks"]) <= 12_000
        assert len(body["text"]) <= 300


def discord(draws: Draws) -> None:
    """Parts fit into Discord's messages, and no cut hides what was not hidden."""
    text = honest(written(draws, 24))
    marked = regex.sub("hello", lambda _: f"w{draws.below(1 << 20):x}z", text)
    words = set(regex.findall(r"w[0-9a-f]+z", marked))
    shown = parts(marked, 160 + draws.below(200), "||")
    assert {word for part in shown for word in words & veiled(part)} <= veiled(marked)


def veiled(text: str) -> set[str]:
    """The words that Discord hides, found as its own parser goes: rule by rule, from the left."""
    found: set[str] = set()
    at = 0
    while at < len(text):
        for rule in RULES:
            if match := rule.match(text, at):
                if text.startswith("||", at):
                    found |= set(regex.findall(r"w[0-9a-f]+z", match[0]))
                at = match.end()
                break
        else:
            at += 1
    return found


RULES = [
    re.compile(r"\\[^0-9A-Za-z\s]", re.ASCII),
    re.compile(r"```(?:[a-z0-9_+\-.#]+?\n)?\n*[^\n].*?\n*```", re.DOTALL | re.IGNORECASE),
    re.compile(r"(`+)(.*?[^`])\1(?!`)", re.DOTALL),
    re.compile(r"\|\|.+?\|\|", re.DOTALL),
]
"""Discord's Markdown as its client has it: escapes, blocks of code, code in a line, spoilers."""
