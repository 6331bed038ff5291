"""The account: what people said against what they see, and both against the journal."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from adapters.discord.outbound import DiscordOutlet
from adapters.slack.outbound import SlackOutlet
from adapters.slack.pings import harmless
from bot.reply.messages import MARKER
from bot.text.honest import honest
from bot.text.split import split
from tests.drill.journal import Journal, Row
from tests.drill.said import MARK, Said, Shown, Spot

OUTLETS: dict[str, type[DiscordOutlet | SlackOutlet]] = {
    "discord": DiscordOutlet,
    "slack": SlackOutlet,
}
ANSWERED, EXPLAINED = "answered", "explained"
LOST, STUCK, DOUBLED, WRONG = "lost", "stuck", "doubled", "wrong"
WHOLE = ("delivered", "stopped")
NUL = re.compile("[\0\ufffd]")
NUMBER = re.compile(r"\d+")
NOTICE = re.compile(r"\s*\*\(.+\)\*")
"""What the bot says in its own words below an answer, of one that went round in circles say."""
EXPLANATION = re.compile(r"\*\(.+\)\*\s*$")
"""How a message ends that says why there is no answer, or no whole one."""


@dataclass
class Trouble:
    """Something that must not be: what, where, and about which message or reply."""

    kind: str
    what: str
    said: Said | None = None
    row: Row | None = None
    shown: Shown | None = None
    spot: Spot | None = None


@dataclass
class Account:
    """The outcome of every message, why those that have no answer have none, and every trouble."""

    outcomes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    troubles: list[Trouble] = field(default_factory=list)

    def count(self, kind: str) -> int:
        """How many troubles of a kind there are."""
        return sum(trouble.kind == kind for trouble in self.troubles)


def settle(said: Sequence[Said], spots: Sequence[Spot], journal: Journal) -> Account:
    """Compare. What was said while the program was away must be found as well."""
    account = Account()
    shown = {(spot.name, one.id): one for spot in spots for one in spot.bot_said()}
    for one in said:
        outcome = _outcome(one, journal, shown)
        if isinstance(outcome, Trouble):
            account.troubles.append(outcome)
        account.outcomes[outcome.kind if isinstance(outcome, Trouble) else outcome] += 1
        if outcome == EXPLAINED:
            account.reasons[_reason(one, journal)] += 1
    account.troubles += _strays(spots, journal)
    account.troubles += _unfinished(spots)
    account.troubles += _database(journal)
    return account


def _outcome(said: Said, journal: Journal, shown: dict[tuple[str, str], Shown]) -> str | Trouble:
    rows = journal.by_message.get((said.spot.platform, said.id), [])
    if not rows:
        return Trouble(LOST, "it is not in the journal", said)
    if len(rows) > 1:
        return Trouble(DOUBLED, "it has several replies", said, rows[-1])
    row = journal.answering(rows[0])
    if not row.ended:
        return Trouble(STUCK, f"its reply is still {row.state}", said, row)
    messages = [shown.get((said.spot.name, part)) for part in row.parts]
    seen = [message.content for message in messages if message is not None]
    if not seen or len(seen) < len(row.parts):
        return Trouble(LOST, f"{len(seen)} of {len(row.parts)} messages can be seen", said, row)
    if row.state not in WHOLE or not row.turn:
        if EXPLANATION.search(seen[-1]):
            return EXPLAINED
        return Trouble(LOST, "it is cut off without a word of why", said, row)
    wanted = _parts(said.spot.platform, row.turn)
    if difference := _difference(seen, wanted):
        return Trouble(WRONG, f"what is shown is not what is stored: {difference}", said, row)
    return ANSWERED


def _reason(said: Said, journal: Journal) -> str:
    """How the reply ended, and the explanation without what differs from one to the next."""
    row = journal.answering(journal.by_message[said.spot.platform, said.id][0])
    return f"{row.state}: {NUMBER.sub('…', row.reason) or 'no reason noted'}"


def _strays(spots: Sequence[Spot], journal: Journal) -> Iterator[Trouble]:
    """Messages of the bot that belong to no reply, and those that belong to several."""
    living = [row for row in journal.replies.values() if row.state != "merged"]
    platform = {row.id: row.place.partition(":")[0] for row in living}
    owners = Counter((platform[row.id], part) for row in living for part in row.parts)
    for spot in spots:
        for one in spot.bot_said():
            count = owners[spot.platform, one.id]
            if count != 1:
                what = f"a message of the bot belongs to {count} replies"
                yield Trouble(DOUBLED, what, shown=one, spot=spot)


def _unfinished(spots: Sequence[Spot]) -> Iterator[Trouble]:
    for spot in spots:
        for one in spot.bot_said():
            if one.unfinished:
                yield Trouble(STUCK, "a message is shown as unfinished", shown=one, spot=spot)


def _database(journal: Journal) -> Iterator[Trouble]:
    if journal.integrity != ["ok"]:
        yield Trouble(WRONG, f"integrity check: {journal.integrity[:5]}")
    if journal.dangling:
        yield Trouble(WRONG, f"foreign keys: {journal.dangling[:5]}")
    if any(MARK in text for text in journal.turns):
        yield Trouble(WRONG, "the mark is stored in a turn")
    if any(MARK in text for text in journal.prompts):
        yield Trouble(WRONG, "the mark was fed back to the model")


def _parts(platform: str, text: str) -> list[str]:
    """The texts of the messages that an answer becomes."""
    outlet = OUTLETS[platform]
    limit = outlet.limit - len(MARKER)
    parts = [part.shown for part in split(honest(text), limit, hides=outlet.hides)]
    return [harmless(part) for part in parts] if platform == "slack" else parts


def _difference(seen: Sequence[str], wanted: Sequence[str]) -> str:
    """Where the messages first differ from what they should say; empty if they do not."""
    if len(seen) != len(wanted):
        return f"{len(seen)} messages instead of {len(wanted)}"
    for number, (one, other) in enumerate(zip(map(_words, seen), map(_words, wanted), strict=True)):
        last = number == len(wanted) - 1
        noticed = last and one.startswith(other) and NOTICE.fullmatch(one.removeprefix(other))
        if one != other and not noticed:
            same = itertools.takewhile(
                lambda pair: pair[0] == pair[1], zip(one, other, strict=False)
            )
            at = sum(1 for _ in same)
            return f"message {number} at {at}: {one[at : at + 20]!r}, not {other[at : at + 20]!r}"
    return ""


def _words(text: str) -> str:
    """Platforms trim and fold space; of a NUL, which no model writes, the database makes a �."""
    return " ".join(NUL.sub("", text).split())
