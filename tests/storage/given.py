"""What the storage tests say and answer, and a database that has seen every kind of use."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

from bot.control.records import Use, Verdict, Vote
from bot.values import (
    Author,
    Finish,
    FinishReason,
    Inbound,
    Part,
    Persona,
    Place,
    Prompt,
    Reply,
    ReplyState,
    Standing,
)
from storage import SqlStore
from storage.records import SqlRecords

PLACE = Place("discord", "guild", "channel")
THREAD = Place("discord", "guild", "channel", "thread")
ANA = Author("1", "Ana", Standing.ADMIN)
BEN = Author("2", "Ben 🐦")
NOON = datetime(2025, 6, 1, 12, 0, tzinfo=UTC)
PROMPT = Prompt((1, 2, 3), "[INST] hi [/INST]", Persona("Be brief.", 3, PLACE.id), 5, 2)
FINISH = Finish(FinishReason.STOP, tokens=7, prompt_tokens=30, reused=20, seed=42)


def said(message_id: str, *, place: Place = PLACE, author: Author = ANA, text: str = "") -> Inbound:
    return Inbound(place, author, text or f"text of {message_id}", message_id, NOON)


async def claimed(store: SqlStore, message_id: str, *, place: Place = PLACE) -> Reply:
    reply = await store.claim(said(message_id, place=place))
    assert reply is not None
    return reply


async def answer(store: SqlStore, reply: Reply, text: str) -> None:
    """Take a reply through its whole good life."""
    await store.advance(reply.id, ReplyState.QUEUED)
    await store.advance(reply.id, ReplyState.GENERATING)
    await store.flush(reply.id, text[:3])
    await store.save_part(reply.id, Part(0, f"out-{reply.id}", text[:3]))
    await store.complete(reply.id, text, FINISH, PROMPT)
    await store.save_part(reply.id, Part(0, f"out-{reply.id}", text))
    await store.end(reply.id, ReplyState.DELIVERED)


async def judged(store: SqlStore, message_id: str, author: Author, *, kept: int) -> Reply:
    """Asked and answered, from a prompt of so many turns; Ben likes the answer."""
    reply = await store.claim(said(message_id, author=author))
    assert reply is not None
    await store.complete(reply.id, "Yes.", FINISH, replace(PROMPT, kept=kept))
    await store.end(reply.id, ReplyState.DELIVERED)
    await SqlRecords(store.database).vote(Vote(reply.id, 1, BEN, Verdict.UP))
    return reply


async def used(records: SqlRecords, person: Author, day: date) -> tuple[Use, Use]:
    """What a person used on the whole platform, and everybody in the channel."""
    own = await records.use(f"{PLACE.platform}:", person.id, day)
    return own, await records.use(PLACE.id, None, day)


async def texts(store: SqlStore, reply: Reply) -> list[str]:
    return [turn.text for turn in await store.history(reply.place, reply.id)]


async def lived_in(store: SqlStore) -> None:
    """Use every method of the store, with every ending and two replies left unfinished."""
    await store.set_persona(PLACE.id, "You are a raven.", ANA)
    await store.set_persona(PLACE.id, None, BEN)
    await store.set_persona(PLACE.id, "You are a crow; answer in one line.\nCaw.", ANA)
    first, stopped, failed = [await claimed(store, f"m{i}") for i in range(3)]
    await answer(store, first, "Hello, Ana – it's “me”.")
    await store.flush(stopped.id, "I was say")
    await store.end(stopped.id, ReplyState.STOPPED, text="I was say", reason="Ben")
    await store.end(failed.id, ReplyState.FAILED, reason="the model stumbled")
    waiting, newest = [await claimed(store, f"w{i}", place=THREAD) for i in range(2)]
    await store.merge([waiting.id], newest.id)
    await store.advance(newest.id, ReplyState.GENERATING)
    await store.save_part(newest.id, Part(0, "out", "So far"))
    last = await claimed(store, "m3")
    await store.keep_from(PLACE, (await store.history(PLACE, last.id))[2].id)
    await store.left_out(PLACE, last.id)
    await store.amend(PLACE, "m3", "What I meant to say")
    await store.withdraw(PLACE, "m2")
    await store.unfinished("discord")
    await store.persona(PLACE.scopes)
    await store.check()
