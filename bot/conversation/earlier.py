"""What a reply that is given again had before, and falls back on if nothing comes of it."""

from __future__ import annotations

from dataclasses import dataclass

from bot.control.buttons import shown
from bot.control.ports import ReplyStore
from bot.prompt.exchange import UNFINISHED
from bot.values import FinishReason, Reply, ReplyState


@dataclass(frozen=True, slots=True)
class Earlier:
    """The answer so far in use, among `count`; of a first answer there is none.

    `begun` is the same text, as far as it is whole, if it is to be gone on with.
    """

    text: str = ""
    begun: str = ""
    count: int = 0


async def earlier(records: ReplyStore, reply: Reply) -> Earlier:
    """Read from the journal alone, so that a restart goes on with what was asked for.

    A reply whose text so far begins with an answer that was cut is going on with that.
    """
    if reply.state is ReplyState.CLAIMED:
        return Earlier()
    record = await records.record(reply.id)
    answer = shown(record) if record else None
    if record is None or answer is None:
        return Earlier()
    begun = answer.text.rstrip(UNFINISHED) if answer.finish is FinishReason.LENGTH else ""
    if not reply.text.startswith(begun):
        begun = ""
    return Earlier(answer.text, begun, len(record.alternatives))
