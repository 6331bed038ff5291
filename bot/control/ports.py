"""What commands need of the store, and what adapters need of the commands."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Protocol

from bot.control.records import (
    Admission,
    Behaviour,
    Change,
    Example,
    Preference,
    Record,
    SettingValue,
    Stored,
    Use,
    Vote,
)
from bot.control.response import Button, Call, Given, Response
from bot.values import Author, Inbound, Persona, Place, Reply

Handler = Callable[[Call, Mapping[str, Given]], Awaitable[Response]]
"""Carries out one command, with its arguments checked and its author authorised. For a command
about a reply the call's `reply_id` is that reply, which belongs to the call's Place."""


class SettingStore(Protocol):
    """Settings, the audit list and personas' versions. A scope is as in `Place.scopes`."""

    async def settings(self, scopes: Sequence[str]) -> Mapping[str, SettingValue]:
        """What holds for the innermost of the scopes: for each key the innermost value."""

    async def every(self, scopes: Sequence[str], key: str) -> list[SettingValue]:
        """What is set under a key at each of the scopes, innermost first."""

    async def set_settings(
        self, scope: str, values: Mapping[str, Any], author: Author
    ) -> tuple[Change, ...]:
        """Set these keys (None inherits again), with a line in the audit list for each change."""

    async def everywhere(self, key: str) -> Mapping[str, Any]:
        """What every scope that has set a key has set, by scope."""

    async def note(self, change: Change) -> None:
        """Add a line to the audit list for a change that is no setting."""

    async def changes(self, scopes: Sequence[str], *, limit: int, skip: int = 0) -> list[Change]:
        """The audit list of these scopes, newest first, without so many of the newest."""

    async def personas_within(self, scope: str) -> list[Persona]:
        """The personas that are set below a workspace now, each with its scope."""

    async def persona_versions(self, scope: str, *, limit: int) -> list[Persona]:
        """The versions set at a scope, newest first; a cleared one has an empty text."""


class ReplyStore(Protocol):
    """Replies and their alternative answers, after they were given."""

    async def record(self, reply_id: int) -> Record | None:
        """One reply, or None if it is gone."""

    async def newest_record(self, place: Place) -> Record | None:
        """The newest reply of a Place's conversation that has an answer or is being given."""

    async def record_of_message(self, place: Place, message_id: str) -> Record | None:
        """The reply that a platform message belongs to: one of its parts, or what it answers."""

    async def newest_place(self, channel: Place, person: str) -> Place | None:
        """Where in a channel, its threads among them, a person asked last; None if nowhere."""

    async def reopen(self, reply_id: int, person: str) -> Reply | None:
        """Make an ended reply unfinished again, to be given anew into the same messages.

        It counts as the use of this person, who wanted it. Its answers so far stay as alternatives.
        None if it is not ended or not the newest.
        """

    async def choose(self, reply_id: int, number: int) -> Reply | None:
        """Bring an alternative back as the answer that the conversation goes on from.

        The reply is unfinished (delivering) until the platform shows it. None if there is none.
        """

    async def undo(self, place: Place) -> Reply | None:
        """Take the newest exchange out of the conversation; the reply, so that it can be hidden."""

    async def reset(self, place: Place, waiting: int | None = None) -> int:
        """Begin a new conversation; how many turns the old one had. They stay in the archive.

        The reply that is `waiting`, and those behind it, belong to the new one.
        """


class FeedbackStore(Protocol):
    """Votes and preferences."""

    async def vote(self, vote: Vote) -> bool:
        """Save or replace a person's vote; False if the answer is gone."""

    async def prefer(self, preference: Preference) -> bool:
        """Save or replace a person's choice; False if an answer is gone."""

    async def opted_out(self) -> Mapping[str, int]:
        """By place the first reply since which words of people who opted out are in prompts."""

    async def examples(
        self, *, after: int = 0, limit: int = 500, opted_out: Mapping[str, int] | None = None
    ) -> list[Example]:
        """Feedback of people who have not opted out, by reply, for export.

        `opted_out` is found anew unless it is given.
        """


class PeopleStore(Protocol):
    """What belongs to persons. A person is a platform and an author's id."""

    async def stored(self, platform: str, person: str, *, presets: Collection[str] = ()) -> Stored:
        """How much is kept about a person; personas that are `presets` are not in their words."""

    async def export_person(self, platform: str, person: str) -> dict[str, Any]:
        """Everything kept about a person, exactly as it is stored, ready for JSON."""

    async def forget_person(
        self,
        platform: str,
        person: str,
        *,
        names: Collection[str] = (),
        presets: Collection[str] = (),
    ) -> Stored:
        """Delete a person's words and names from every table; what others wrote stays.

        What they have used today goes on counting, until `settle_use`, and if their feedback may
        not be used, that stays so.

        `names` are what the person is called now, for quotations of what the bot never heard.
        Personas that are `presets` are not in the person's words.
        """

    async def use_feedback(self, platform: str, person: str, use: bool) -> None: ...

    async def locale(self, platform: str, person: str) -> str:
        """The language that a person uses the platform in; empty where that is not known."""

    async def keep_locale(self, platform: str, person: str, locale: str) -> None: ...

    async def export_place(self, place: Place, *, every_thread: bool = True) -> dict[str, Any]:
        """A channel with its threads, ready for JSON.

        Without `every_thread` those that are closed are left out, but for the Place itself.
        """

    async def forget_place(self, place: Place, *, every_thread: bool = True) -> int:
        """Delete a channel with its threads, as in `export_place`; how many turns that were."""

    async def closed_threads(self, place: Place) -> int:
        """How many threads of a channel are left out unless all of them are meant."""

    async def purge(self, scope: str, before: datetime) -> int:
        """Delete turns, answers and prompts older than this; how many turns that were."""

    async def places(self) -> list[str]:
        """The ids of all places where something was said."""

    async def purge_places(self, places: Sequence[str], before: datetime) -> int:
        """As `purge`, for exactly these places and not their threads."""

    async def forget_prompts(self, before: datetime) -> int:
        """Delete the prompts of older answers that nobody has judged; how many that were."""

    async def settle_use(self, today: date) -> None:
        """Forget what people who were forgotten before this day had used; the sums stay."""

    async def use(self, scope: str, person: str | None, day: date) -> Use:
        """What a person, or (None) everybody, has used in a scope on that day.

        A platform's name with a colon stands for all of the platform.
        """

    async def totals(self, since: date) -> dict[str, Any]:
        """For the operator: replies, tokens, people and places by day."""


class Records(SettingStore, ReplyStore, FeedbackStore, PeopleStore, Protocol):
    """All of these, on one database."""


class Control(Protocol):
    """What adapters hand the use of commands to."""

    async def carry_out(self, call: Call) -> Response:
        """Do what was asked; Refused and Forbidden carry words in the caller's language."""

    async def options(self, call: Call, argument: str, typed: str) -> list[tuple[str, str]]:
        """Values with labels that fit what has been typed so far, 25 at most."""

    async def newest_place(self, channel: Place, person: str) -> Place | None:
        """Where in a channel, its threads among them, a person asked last; None if nowhere."""

    async def place_of_message(self, places: Sequence[Place], message_id: str) -> Place | None:
        """The first of these Places of whose conversation the message is; None if none is."""

    def say(self, key: str, locale: str, **values: object) -> str:
        """Words of the catalogue."""


class Buttons(Protocol):
    """What is offered beside a reply."""

    def while_writing(self, reply: Reply) -> tuple[Button, ...]: ...

    async def when_ended(self, reply: Reply) -> tuple[Button, ...]: ...


class Behaviours(Protocol):
    """What adapters ask before they hand in a message that nobody addressed to the bot."""

    async def behaviour(self, place: Place) -> Behaviour:
        """How the Place is answered now."""


class Locales(Protocol):
    """Remembers people's languages for a platform that tells them only now and then."""

    async def of(self, platform: str, person: str) -> str:
        """The language that somebody used last; empty where that is not known, or not found."""

    async def learn(self, platform: str, person: str, locale: str) -> None:
        """The platform has told somebody's language. Never fails: it can tell it again."""


class Gate(Behaviours, Protocol):
    """Who is answered: settings, access and limits, asked for every message."""

    async def admit(self, inbound: Inbound) -> Admission:
        """Whether the message is answered. It is asked before anything of it is saved."""
