"""One reply's life, gathered while it is given and told in one line of the log at its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import structlog

from bot.operation.facts import UNOBSERVED, Edits, Observer, ReplyEnded, Times
from bot.values import Finish, Prompt, Reply, ReplyState, Role, Turn

log = structlog.get_logger(__name__)

Clock = Callable[[], float]


class Life:
    """What becomes of one reply. Times count from its claim, also where that was in an earlier run.

    The line holds no text unless the configuration asks for texts (see `bot.log.TEXTS`).
    """

    def __init__(
        self, reply: Reply, observer: Observer = UNOBSERVED, *, clock: Clock = time.monotonic
    ) -> None:
        self._reply = reply
        self._observer = observer
        self._clock = clock
        waited = (datetime.now(UTC) - reply.claimed_at).total_seconds()
        self._claimed = clock() - max(0.0, waited)
        self._queued: float | None = None
        self._first: float | None = None
        self._last: float | None = None
        self._asked = ""
        self._prompt: Prompt | None = None
        self._finish: Finish | None = None
        self._model = self._adapter = ""
        self.shown: Callable[[], float | None] = _never
        self.edits: Callable[[], Edits] = Edits

    def queued(self, model: str, adapter: str, prompt: Prompt) -> None:
        """The prompt goes to the model."""
        self._model, self._adapter, self._prompt = model, adapter, prompt
        self._queued = self._since_claim()

    def asked(self, turns: list[Turn]) -> None:
        """What is to be answered, for a log that may hold texts."""
        said = [turn.text for turn in turns if turn.role is Role.USER]
        self._asked = said[-1] if said else ""

    def text(self) -> None:
        """The model gave text."""
        self._last = self._since_claim()
        if self._first is None:
            self._first = self._last

    def finished(self, finish: Finish) -> None:
        """The model is done."""
        self._finish = finish

    def end(self, state: ReplyState, reason: str = "", *, text: str | None = None) -> None:
        """Tell it all."""
        seen = self.shown()
        times = Times(
            queued=self._queued,
            first_text=self._first,
            shown=None if seen is None else seen - self._claimed,
            last_text=self._last,
            ended=self._since_claim(),
        )
        ended = self._summed(state, times)
        self._observer.note(ended)
        say = log.warning if state is ReplyState.FAILED else log.info
        say("reply ended", **self._line(ended, reason), asked=self._asked, answered=text or "")

    def _summed(self, state: ReplyState, times: Times) -> ReplyEnded:
        finish = self._finish
        return ReplyEnded(
            platform=self._reply.place.platform,
            state=state,
            times=times,
            edits=self.edits(),
            model=self._model,
            tokens=finish.tokens if finish else 0,
            prompt_tokens=finish.prompt_tokens if finish else 0,
            reused_tokens=finish.reused if finish else 0,
            tokens_per_second=self._speed(),
        )

    def _line(self, ended: ReplyEnded, reason: str) -> dict[str, Any]:
        times, edits, prompt = ended.times, ended.edits, self._prompt
        persona = prompt.persona if prompt else None
        found = {
            "state": ended.state.value,
            "reason": reason,
            "platform": ended.platform,
            "finish": self._finish.reason.value if self._finish else None,
            "queued": _rounded(times.queued),
            "first_text": _rounded(times.first_text),
            "shown": _rounded(times.shown),
            "last_text": _rounded(times.last_text),
            "seconds": _rounded(times.ended),
            "model": ended.model,
            "adapter": self._adapter,
            "persona": persona.version if persona else None,
            "kept": prompt.kept if prompt else None,
            "dropped": prompt.dropped if prompt else None,
            "prompt_tokens": ended.prompt_tokens,
            "reused_tokens": ended.reused_tokens,
            "tokens": ended.tokens,
            "tokens_per_second": _rounded(ended.tokens_per_second),
            "edits_sent": edits.sent,
            "edits_merged": edits.merged,
            "edits_throttled": edits.throttled,
        }
        return {
            "reply": self._reply.id,
            "place": self._reply.place.id,
            "message": self._reply.message_id,
            **{name: value for name, value in found.items() if value not in (None, "")},
        }

    def _speed(self) -> float | None:
        """Tokens a second after the first text; None where there is nothing to measure."""
        if self._finish is None or self._first is None or self._last is None:
            return None
        seconds = self._last - self._first
        return (self._finish.tokens - 1) / seconds if seconds > 0 else None

    def _since_claim(self) -> float:
        return self._clock() - self._claimed


def note_ending(
    reply: Reply, state: ReplyState, observer: Observer = UNOBSERVED, **why: object
) -> None:
    """The one line of a reply that nobody began to give: merged, withdrawn or turned away."""
    seconds = max(0.0, (datetime.now(UTC) - reply.claimed_at).total_seconds())
    platform = reply.place.platform
    observer.note(ReplyEnded(platform, state, Times(ended=seconds)))
    log.info(
        "reply ended",
        reply=reply.id,
        place=reply.place.id,
        message=reply.message_id,
        platform=platform,
        state=state.value,
        seconds=_rounded(seconds),
        **why,
    )


def _never() -> float | None:
    return None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
