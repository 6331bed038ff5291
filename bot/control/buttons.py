"""What is offered beside a reply: while it is being written, and once it has ended."""

from __future__ import annotations

from collections.abc import Iterator

from bot.control.ports import ReplyStore
from bot.control.records import Alternative, Record
from bot.control.response import Button
from bot.control.words import say
from bot.values import FinishReason, Reply


class ReplyButtons:
    """Implements the Buttons port, in the asker's language where that is known.

    Whether a button still applies is seen when it is pressed: nothing is edited to remove it.
    """

    def __init__(self, records: ReplyStore) -> None:
        self._records = records

    def while_writing(self, reply: Reply) -> tuple[Button, ...]:
        return (_button(("stop",), "⏹️", "button.stop", reply),)

    async def when_ended(self, reply: Reply) -> tuple[Button, ...]:
        """The first five belong together; an answer that failed can only be given again."""
        record = await self._records.record(reply.id)
        return tuple(_ended(reply, record)) if record else ()


def shown(record: Record) -> Alternative | None:
    """The alternative in use."""
    return next((one for one in record.alternatives if one.number == record.shown), None)


def compared(record: Record) -> tuple[int, int] | None:
    """The numbers of the two answers that "which is better?" is about: the one shown, and another.

    None if there is no other, or if one only goes on from the other.
    """
    texts = {one.number: one.text for one in record.alternatives}
    last = record.shown if record.shown > 1 else 2
    if {last - 1, last} - texts.keys():
        return None
    earlier, later = texts[last - 1], texts[last]
    return None if later.startswith(earlier) or earlier.startswith(later) else (last - 1, last)


def can_continue(record: Record) -> bool:
    """Whether the answer shown was cut at its greatest length."""
    answer = shown(record)
    return answer is not None and answer.finish is FinishReason.LENGTH and bool(answer.text)


def _ended(reply: Reply, record: Record) -> Iterator[Button]:
    yield _button(("regenerate",), "🔄", "button.regenerate", reply)
    if not record.alternatives:
        return
    if can_continue(record):
        yield _button(("continue",), "➡️", "button.continue", reply)
    this = {"answer": str(record.shown)}
    yield _button(("rate",), "👍", "button.up", reply, {"score": "up"} | this)
    yield _button(("rate",), "👎", "button.down", reply, {"score": "down"} | this, window=True)
    yield _button(("why",), "❓", "button.why", reply)
    count = len(record.alternatives)
    if count > 1:
        yield _button(("earlier",), "↩️", "button.earlier", reply, number=record.shown, count=count)
        for number in compared(record) or ():
            given = {"answer": str(number)}
            yield _button(("prefer",), "⭐", "button.prefer", reply, given, number=number)


def _button(
    command: tuple[str, ...],
    emoji: str,
    key: str,
    reply: Reply,
    arguments: dict[str, str] | None = None,
    *,
    window: bool = False,
    **values: object,
) -> Button:
    return Button(
        command,
        say(key, reply.locale, **values),
        emoji=emoji,
        reply_id=reply.id,
        arguments=tuple((arguments or {}).items()),
        window=window,
    )
