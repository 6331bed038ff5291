"""What people want to know of an answer, and what they think of it: why, rate and prefer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bot.control.buttons import compared, shown
from bot.control.commands import BY_PATH
from bot.control.ports import FeedbackStore, Handler, ReplyStore
from bot.control.records import Alternative, Preference, Record, Verdict, Vote
from bot.control.refusal import refusal
from bot.control.response import Call, Field, Form, Given, Response
from bot.control.words import say
from bot.values import UNFINISHED, Persona, ReplyState

TOLD = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty", "max_new_tokens")
"""The settings that "why this answer" shows."""
ALWAYS = {"temperature"}
"""Of these, what says something even where it is 0."""
UNWRITTEN = UNFINISHED - {ReplyState.DELIVERING}
"""States of a reply in which the answer that people see is not whole yet."""


class FeedbackControl:
    """The handlers of commands about an answer that was given."""

    def __init__(self, replies: ReplyStore, feedback: FeedbackStore) -> None:
        self._replies = replies
        self._feedback = feedback

    def handlers(self) -> dict[tuple[str, ...], Handler]:
        """By the path of the command."""
        return {("why",): self.why, ("rate",): self.rate, ("prefer",): self.prefer}

    async def why(self, call: Call, arguments: Mapping[str, Given]) -> Response:  # noqa: ARG002
        """What the answer shown was made with."""
        record = await self._record(call)
        answer = shown(record)
        if answer is None:
            raise refusal("conversation.no_answer", call.locale)
        return Response("\n".join(_reasons(record, answer, call.locale)))

    async def rate(self, call: Call, arguments: Mapping[str, Given]) -> Response:
        """Save the vote; whoever found the answer bad is then asked for the reason.

        Without a number the answer shown is meant, once it is whole.
        """
        record = await self._record(call)
        number = int(arguments.get("answer", 0))
        if not number and record.state in UNWRITTEN:
            raise refusal("conversation.still_writing", call.locale)
        verdict = Verdict(str(arguments["score"]))
        reason = str(arguments.get("reason", "")).strip()
        vote = Vote(record.reply_id, number or record.shown, call.author, verdict, reason)
        if not await self._feedback.vote(vote):
            raise refusal("conversation.no_longer_kept", call.locale)
        if verdict is Verdict.DOWN and "reason" not in arguments:
            text = say("conversation.rated_down", call.locale)
            return Response(text, form=_ask_for_reason(vote, call.locale))
        key = "rated_again" if reason else f"rated_{verdict}"
        return Response(say(f"conversation.{key}", call.locale))

    async def prefer(self, call: Call, arguments: Mapping[str, Given]) -> Response:
        """Save which of two answers is better: the given one, or the one it was shown beside."""
        record = await self._record(call)
        better = int(arguments["answer"])
        pair = compared(record)
        if pair is None:
            alone = len(record.alternatives) < 2
            raise refusal(f"conversation.{'only_one' if alone else 'all_alike'}", call.locale)
        if better not in pair:
            raise refusal("conversation.no_such_answer", call.locale, number=better)
        worse = pair[0] if better == pair[1] else pair[1]
        chosen = Preference(record.reply_id, better, worse, call.author)
        if not await self._feedback.prefer(chosen):
            raise refusal("conversation.no_longer_kept", call.locale)
        return Response(say("conversation.preferred", call.locale, better=better, worse=worse))

    async def _record(self, call: Call) -> Record:
        if call.reply_id is None:
            record = await self._replies.newest_record(call.place)
        else:
            record = await self._replies.record(call.reply_id)
        if record is None or record.place.id != call.place.id:
            raise refusal("conversation.no_answer", call.locale)
        return record


def _ask_for_reason(vote: Vote, locale: str) -> Form:
    reason = next(one for one in BY_PATH["rate",].arguments if one.name == "reason")
    return Form(
        ("rate",),
        say("conversation.reason_title", locale),
        (Field(reason, say("conversation.reason", locale)),),
        reply_id=vote.reply_id,
        arguments=(("score", vote.verdict.value), ("answer", str(vote.number))),
    )


def _reasons(record: Record, answer: Alternative, locale: str) -> Iterator[str]:
    def line(key: str, **values: object) -> str:
        return say(f"conversation.why.{key}", locale, **values)

    origin, none = answer.origin, line("none")
    yield line("title", number=answer.number, count=len(record.alternatives))
    yield line("model", model=origin.model or line("unknown"))
    yield line("precision", precision=origin.precision or line("unknown"))
    yield line("adapter", adapter=origin.adapter or none)
    yield line("sampling", sampling=_told(dict(origin.sampling)) or line("unknown"))
    yield line("seed", seed=none if answer.seed is None else answer.seed)
    yield _persona(answer.persona, locale)
    # What does not fit is always the oldest.
    yield line("turns" if answer.dropped else "turns_all", kept=answer.kept, dropped=answer.dropped)
    yield line("prompt_tokens", tokens=answer.prompt_tokens, reused=answer.reused)
    yield line("tokens", tokens=answer.tokens, seconds=f"{origin.seconds:.1f}")
    yield line(f"ended_{answer.finish}")


def _told(sampling: dict[str, Any]) -> str:
    told = [name for name in TOLD if sampling.get(name) or name in sampling.keys() & ALWAYS]
    return ", ".join(f"`{name}` {sampling[name]}" for name in told)


def _persona(persona: Persona | None, locale: str) -> str:
    if persona is None:
        return say("conversation.why.persona_none", locale)
    if not persona.version:
        return say("conversation.why.persona_default", locale)
    return say("conversation.why.persona_version", locale, version=persona.version)
