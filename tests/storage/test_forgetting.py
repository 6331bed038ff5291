"""None of a forgotten person's words stay, whatever has happened: random histories."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.engine import Connection

from bot.control.records import Preference, Verdict, Vote
from bot.values import Author, Inbound, Part, Place, Reply, ReplyState
from storage import SqlStore
from storage.address import read
from storage.answers import unpacked
from storage.database import Database
from storage.records import SqlRecords
from storage.tables import metadata
from tests.storage.given import (
    FINISH,
    NOON,
    PLACE,
    PROMPT,
    THREAD,
)

OTHER = Place("slack", "team", "channel")
PEOPLE = [Author("1", "Anastasia"), Author("2", "Benjamin"), Author("3", "Chrysanthe")]
MARKS = ["ana", "ben", "chr"]
SIGNS = ["あいうえおかきくけこ", "サシスセソタチツテト", "天地玄黄宇宙洪荒日月"]
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)


def sentences(mark: str) -> st.SearchStrategy[str]:
    """Messages of which every word tells whose it is."""
    word = st.integers(0, 99).map(lambda number: f"{mark}{number}")
    return st.lists(word, min_size=3, max_size=12).map(" ".join)


def clauses(signs: str) -> st.SearchStrategy[str]:
    """The same without spaces."""
    return st.text(signs, min_size=6, max_size=30)


WHO = st.integers(0, 2)
WHICH = st.integers(0, 20)
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), WHO, st.sampled_from([PLACE, THREAD]), st.booleans()),
        st.tuples(st.just("quote"), WHO, st.sampled_from([PLACE, THREAD]), WHO),
        st.tuples(st.just("vote"), WHO, st.integers(1, 8)),
        st.tuples(st.just("prefer"), WHO, st.integers(1, 8)),
        st.tuples(st.just("edit"), WHICH),
        st.tuples(st.just("withdraw"), WHICH),
        st.tuples(st.just("undo"), st.sampled_from([PLACE, THREAD])),
        st.tuples(st.just("recall"), WHO, WHICH),
        st.tuples(st.just("again"), st.integers(1, 8)),
        st.tuples(st.just("persona"), WHO, st.sampled_from([PLACE, THREAD]), WHO),
        st.tuples(st.just("opt out"), WHO),
    ),
    max_size=14,
)


RUNNING = st.lists(st.tuples(WHO, st.sampled_from([PLACE, THREAD])), max_size=2)


class History:
    """Carries out events; what is said echoes through answers, quotes, prompts and names.

    An answer only knows what was heard in its own place.
    """

    def __init__(self, store: SqlStore, data: st.DataObject) -> None:
        self.store = store
        self.records = SqlRecords(store.database)
        self.data = data
        self.last: dict[int, str] = {}
        self.ids: list[int] = []
        self.messages: list[tuple[Place, str, int]] = []
        self.heard: dict[Place, list[str]] = {PLACE: [], THREAD: []}
        self.present: set[tuple[Place, int]] = set()

    def words(self, who: int) -> str:
        kind = st.one_of(sentences(MARKS[who]), clauses(SIGNS[who]))
        self.last[who] = self.data.draw(kind)
        return self.last[who]

    async def take(self, event: tuple[Any, ...]) -> None:
        match event:
            case "say", who, place, whole:
                await self._say(who, place, self.words(who), echo=whole)
            case "quote", who, place, whom if whom in self.last:
                quoted = f"> {PEOPLE[whom].name}: {self.last[whom]}\n"
                words = quoted + self.words(who)
                await self._say(who, place, words, echo=True, quoted=PEOPLE[whom].id)
            case "recall", who, number if self.heard[PLACE]:
                words = self.heard[PLACE][number % len(self.heard[PLACE])]
                await self._say(who, PLACE, self.words(who), answer=f"Somebody said: {words}.")
            case "again", reply_id:
                await self._again(reply_id)
            case (("edit" | "withdraw"), number) if self.messages:
                await self._take_back(event[0], *self.messages[number % len(self.messages)])
            case "undo", place:
                await self.records.undo(place)
            case _:
                await self._beside(event)

    async def _beside(self, event: tuple[Any, ...]) -> None:
        match event:
            case "vote", who, reply_id:
                vote = Vote(reply_id, 1, PEOPLE[who], Verdict.DOWN, self.words(who))
                await self.records.vote(vote)
            case "prefer", who, reply_id:
                await self.records.prefer(Preference(reply_id, 1, 2, PEOPLE[who]))
            case "persona", who, place, whom:
                words = self.words(who)
                if (place, whom) in self.present:
                    words = f"{words} Be kind to {PEOPLE[whom].name}. {self.heard[place][-1]}"
                await self.store.set_persona(place.id, words, PEOPLE[who])
            case "opt out", who:
                await self.records.use_feedback("discord", PEOPLE[who].id, False)

    async def _take_back(self, way: str, place: Place, message: str, who: int) -> None:
        if way == "withdraw":
            await self.store.withdraw(place, message)
            return
        words = self.words(who)
        if await self.store.amend(place, message, words):
            self.heard[place].append(words)

    async def _say(
        self,
        who: int,
        place: Place,
        words: str,
        *,
        echo: bool = False,
        answer: str = "I see.",
        quoted: str = "",
    ) -> None:
        reply = await self._asked(who, place, words, quoted)
        if echo:
            persona = await self.store.persona(place.scopes)
            answer = f"{PEOPLE[who].name}, you said: {words}! {persona.text if persona else ''}"
        await self._answered(reply, words, answer)

    async def _asked(self, who: int, place: Place, words: str, quoted: str = "") -> Reply:
        message = f"m{who}-{len(self.ids)}"
        inbound = Inbound(place, PEOPLE[who], words, message, NOON, quoted=quoted)
        reply = await self.store.claim(inbound)
        assert reply is not None
        self.ids.append(reply.id)
        self.messages.append((place, message, who))
        self.heard[place].append(words)
        self.present.add((place, who))
        return reply

    async def _answered(self, reply: Reply, words: str, answer: str) -> None:
        persona = await self.store.persona(reply.place.scopes)
        spoken = f"{persona.text} {words}" if persona else words
        prompt = replace(PROMPT, text=spoken, messages=(("user", spoken),), persona=persona)
        await self.store.flush(reply.id, answer[: len(answer) // 2])
        await self.store.save_part(reply.id, Part(0, f"out{reply.id}", answer))
        await self.store.complete(reply.id, answer, FINISH, prompt)
        await self.store.end(reply.id, ReplyState.DELIVERED)

    async def begun(self, who: int, place: Place) -> Callable[[], Awaitable[None]]:
        """Somebody asks, and has their answer later, which repeats all that was heard."""
        reply = await self._asked(who, place, self.words(who))
        words = " ".join(turn.text for turn in await self.store.history(place, reply.id))
        return partial(self._answered, reply, words, f"Well, {words}")

    async def _again(self, reply_id: int) -> None:
        if reply_id in self.ids and (
            reply := await self.records.reopen(reply_id, PEOPLE[reply_id % 2].id)
        ):
            await self.store.complete(reply.id, "Another one.", FINISH, PROMPT)
            await self.store.end(reply.id, ReplyState.DELIVERED)


def everything(connection: Connection) -> str:
    """All that lies in any table, prompts unpacked, as one text."""
    found: list[str] = []
    for table in metadata.sorted_tables:
        for row in connection.execute(table.select()).mappings():
            values = dict(row)
            if table.name == "prompts":
                values["content"] = unpacked(values["content"])
            found.append(f"{table.name}: {values!r}")
    return "\n".join(found)


async def lived(events: list[tuple[Any, ...]], data: st.DataObject) -> None:
    database = Database(read("sqlite://"))
    try:
        await database.write(metadata.create_all)
        history = History(SqlStore(database), data)
        for event in events:
            await history.take(event)
        waiting = [await history.begun(who, place) for who, place in data.draw(RUNNING)]
        others = await database.read(of_others)
        await history.records.forget_person("discord", PEOPLE[0].id, names=["Anastasia"])
        for answered in waiting:
            await answered()
        after = await database.read(everything)
        assert not re.findall(rf"ana\d+|Anastasia|[{SIGNS[0]}]|'quoted_id': '1'", after)
        assert [word for word in others if word not in after] == []
    finally:
        await database.close()


def of_others(connection: Connection) -> list[str]:
    """What the others said themselves."""
    said_by = text("SELECT text FROM turns WHERE role = 'user' AND author_id <> '1'")
    turns = connection.execute(said_by).scalars()
    word = rf"(?:ben|chr)\d+|[{SIGNS[1]}]+|[{SIGNS[2]}]+"
    return [found for turn in turns for found in re.findall(word, turn)]


@given(EVENTS, st.data())
@settings(deadline=None, max_examples=30, phases=PHASES)
def test_none_of_a_forgotten_persons_words_are_in_any_table(
    events: list[tuple[Any, ...]], data: st.DataObject
) -> None:
    asyncio.run(lived(events, data))
