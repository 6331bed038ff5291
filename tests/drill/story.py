"""The whole life of a message, for whoever has to understand what went wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.drill.account import Trouble
from tests.drill.journal import Journal, Row
from tests.drill.killer import Kill
from tests.drill.lives import Life
from tests.drill.said import Said, Shown, Spot
from tests.loopback.discord import DiscordServer
from tests.loopback.slack import SlackServer

MOST_LINES = 120
MOST_VERSIONS = 12
LONGEST = 160
BEFORE, AFTER = 1.0, 30.0
"""Seconds around a message within which requests are told."""


class Historian:
    """Tells stories from the logs, the journal and what the servers saw."""

    def __init__(
        self,
        lives: Sequence[Life],
        kills: Sequence[Kill],
        journal: Journal,
        said: Sequence[Said],
        servers: tuple[DiscordServer, SlackServer],
    ) -> None:
        self._lives = lives
        self._kills = {kill.life: kill for kill in kills}
        self._journal = journal
        self._said = said
        self._discord, self._slack = servers

    def story(self, trouble: Trouble) -> str:
        """Everything that is known."""
        return "\n".join(self._lines(trouble))

    def _lines(self, trouble: Trouble) -> Iterator[str]:
        yield f"== {trouble.kind}: {trouble.what}"
        said, row, shown = trouble.said, trouble.row, trouble.shown
        spot = said.spot if said else trouble.spot
        if said is None and shown is not None and spot is not None:
            said = self._before(spot, shown)
        if said is not None:
            heard = "connected" if said.lines else "away"
            yield f"said at {said.at:.3f} ({heard}) by {said.author} at {said.spot.name}: {said.id}"
            row = row or next(iter(self._rows(said)), None)
        if row is not None:
            yield f"journal: {row}"
        if shown is not None:
            yield from _versions(shown)
        if spot is not None and row is not None:
            for one in spot.bot_said():
                if one.id in row.parts:
                    yield from _versions(one)
        if said is not None:
            yield from self._around(said)
            yield from self._logged(said, row)

    def _rows(self, said: Said) -> list[Row]:
        return self._journal.by_message.get((said.spot.platform, said.id), [])

    def _before(self, spot: Spot, shown: Shown) -> Said | None:
        """What was said last before a message appeared."""
        at = shown.timeline[0].at
        earlier = [one for one in self._said if one.spot is spot and one.at <= at]
        return earlier[-1] if earlier else None

    def _around(self, said: Said) -> Iterator[str]:
        """Lives and requests about the time of a message, in their order."""
        events: list[tuple[float, str]] = []
        for life in self._lives:
            kill = self._kills.get(life.number)
            events.append((life.began, f"life {life.number} begins"))
            if life.ended is not None:
                how = f"{kill.moment}, hit: {kill.hit}" if kill else "in peace"
                events.append((life.ended, f"life {life.number} ends: {how}"))
        events += self._requests(said)
        begin, end = said.at - BEFORE, said.at + AFTER
        told = [(at, line) for at, line in sorted(events) if begin <= at <= end]
        yield from (f"  {at:.3f} {line[:LONGEST]}" for at, line in told[:MOST_LINES])

    def _requests(self, said: Said) -> Iterator[tuple[float, str]]:
        if said.spot.platform == "discord":
            channel = getattr(said.spot, "channel").id  # noqa: B009
            for request in self._discord.requests:
                if f"/{channel}/" in request.path:
                    yield request.at, f"{request.method} {request.path} → {request.status}"
            return
        channel = said.id.partition(":")[0]
        for call in self._slack.calls:
            if call.args.get("channel") == channel:
                args = {k: v for k, v in call.args.items() if k not in ("blocks", "channel")}
                yield call.at, f"{call.method} → {call.status} {call.error} {args}"

    def _logged(self, said: Said, row: Row | None) -> Iterator[str]:
        """The lines of all logs that name the message or its reply."""
        wanted = [said.id, *([f'"reply": {row.id},', f'"reply": {row.id}}}'] if row else [])]
        lines = 0
        for life in self._lives:
            if not life.log.exists():
                continue
            for line in life.log.read_text(encoding="utf-8", errors="replace").splitlines():
                if any(each in line for each in wanted) and lines < MOST_LINES:
                    lines += 1
                    yield f"  [life {life.number}] {line[:400]}"


def _versions(shown: Shown) -> Iterator[str]:
    yield f"message {shown.id}, {len(shown.timeline)} versions:"
    for version in shown.timeline[-MOST_VERSIONS:]:
        yield f"  {version.at:.3f} {version.content[:100]!r} … ({len(version.content)})"
