"""Who is answered: access, when to answer, and what a day allows; and what is left of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from math import ceil

from bot.control.authority import managed, may_talk
from bot.control.place_settings import Limit, PlaceSettings, counted
from bot.control.ports import Handler, PeopleStore
from bot.control.records import Admission, Behaviour
from bot.control.response import Call, Given, Response
from bot.control.scopes import spoken
from bot.control.settings import LIMITS
from bot.control.variables import Heard
from bot.control.words import say
from bot.values import Author, Inbound, Place, Standing


@dataclass(frozen=True, slots=True)
class Left:
    """One limit with what has been used of it today, in the scope where it counts."""

    name: str
    most: int
    used: int
    scope: str

    @property
    def left(self) -> int:
        """What remains; not below 0."""
        return max(self.most - self.used, 0)


class Doorkeeper:
    """Implements the Gate port, and the command `usage`."""

    def __init__(
        self,
        settings: PlaceSettings,
        people: PeopleStore,
        heard: Heard,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings = settings
        self._people = people
        self._heard = heard
        self._now = now

    def handlers(self) -> dict[tuple[str, ...], Handler]:
        return {("usage",): self.usage}

    async def behaviour(self, place: Place) -> Behaviour:
        return await self._settings.behaviour(place)

    async def admit(self, inbound: Inbound) -> Admission:
        """Whether the message is answered. Who may not talk is told so when they turn to it."""
        place, author = inbound.place, inbound.author
        if not _wanted(await self.behaviour(place), inbound):
            return Admission(False, reason="not wanted")
        if not await self.may_talk(place, author):
            notice = say("limits.not_allowed", inbound.locale) if inbound.mentioned else ""
            return Admission(False, notice, "access")
        if used_up := await self.used_up(place, author, inbound.locale):
            return Admission(False, used_up, "limits")
        self._heard.note(inbound)
        return Admission()

    async def may_talk(self, place: Place, author: Author) -> bool:
        """Whether all lists let the author talk here."""
        return may_talk(await self._settings.lists(place), place, author)

    async def may_command(self, place: Place, author: Author) -> bool:
        """Whether the author may use commands: no list locks out who manages what it is set for."""
        lists = await self._settings.lists(place, but=managed(place, author))
        return may_talk(lists, place, author)

    async def used_up(self, place: Place, author: Author, locale: str) -> str:
        """Words for the first limit that is reached; empty if none is."""
        for limit in await self._settings.limits(place):
            each = await self._today(author, limit)
            if not each.left:
                values = {
                    "most": _number(each.most),
                    "where": spoken(place, each.scope, locale),
                    "renewal": self._renewal(locale),
                }
                return say(f"limits.reached.{_subject(place, each)}", locale, **values)
        return ""

    async def usage(self, call: Call, arguments: Mapping[str, Given]) -> Response:  # noqa: ARG002
        """What the caller and the channel have used today, and what is left."""
        place, lines = call.place, [say("limits.title", call.locale)]
        limits = await self._settings.limits(place)
        for name in (a.name for a in LIMITS):
            free = Limit(name, 0, counted(place, name))
            for limit in [each for each in limits if each.name == name] or [free]:
                each = await self._today(call.author, limit)
                where = spoken(place, each.scope, call.locale)
                values = {
                    "label": say(f"limits.label.{_subject(place, each)}", call.locale, where=where),
                    "used": _number(each.used),
                    "most": _number(each.most),
                    "left": _number(each.left),
                }
                key = "left" if each.most else "free"
                lines.append("- " + say(f"limits.{key}", call.locale, **values))
        lines.append(self._renewal(call.locale))
        return Response("\n".join(lines))

    async def _today(self, author: Author, limit: Limit) -> Left:
        today = self._now().astimezone(UTC).date()
        person = author.id if limit.name.startswith("person") else None
        use = await self._people.use(limit.scope, person, today)
        used = use.messages if limit.name.endswith("messages") else use.tokens
        return Left(limit.name, limit.most, used, limit.scope)

    def _renewal(self, locale: str) -> str:
        now = self._now().astimezone(UTC)
        midnight = datetime.combine(now.date() + timedelta(days=1), time(), UTC)
        minutes = ceil((midnight - now) / timedelta(minutes=1))
        return say("limits.renewal", locale, hours=minutes // 60, minutes=minutes % 60)


def _wanted(behaviour: Behaviour, inbound: Inbound) -> bool:
    if inbound.author.standing is Standing.BOT and not behaviour.bots:
        return False
    if inbound.place.private:
        return True
    return behaviour.when == "always" or (behaviour.when == "mention" and inbound.mentioned)


def _subject(place: Place, each: Left) -> str:
    """What is spoken of: a channel's limit can be one of the thread alone."""
    whose, _, what = each.name.partition("_")
    thread = whose == "channel" and place.thread and each.scope == place.scopes[0]
    return f"thread_{what}" if thread else each.name


def _number(number: int) -> str:
    return f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
