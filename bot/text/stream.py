"""Token ids arrive one by one; whole characters leave, and never a stop string."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

REPLACEMENT = "\ufffd"
MOST_BYTES_MISSING = 3
"""Bytes that may stand at the end of a text as the beginning of one UTF-8 character. With byte
fallback every byte is an id, and each decodes to U+FFFD until the character is whole."""


class TextStream:
    """Decodes one answer. White space before its first word is left out.

    An answer that goes on after the ids `before` brings the white space that follows them.

    Text that may still become a stop string, or whose last character is not whole yet, is held
    back until it is decided. Once a stop string has come, `stopped` is true and nothing follows.
    """

    def __init__(
        self,
        decode: Callable[[Sequence[int]], str],
        stops: Iterable[str] = (),
        before: Sequence[int] = (),
    ) -> None:
        self.stopped = False
        self._decode = decode
        self._stops = tuple(stop for stop in stops if stop)
        self._ids = list(before)
        self._context = 0  # where the text that is decoded again begins
        self._read = len(before)  # ids before this one have been turned into text
        self._held = ""
        self._begun = bool(before)

    def push(self, ids: Sequence[int]) -> str:
        """Take new ids; return the text that has become certain."""
        self._ids.extend(ids)
        return self._release(self._decoded(), last=False)

    def finish(self) -> str:
        """No more ids will come; return what was held back."""
        return self._release(self._decoded(whole=False), last=True)

    def _decoded(self, *, whole: bool = True) -> str:
        # A piece alone decodes differently from a piece in context (its leading space is lost),
        # so what was read last is decoded again together with what is new.
        text = self._decode(self._ids[self._context :])
        broken = len(text) - len(text.rstrip(REPLACEMENT))
        if whole and 0 < broken <= MOST_BYTES_MISSING:
            return ""
        known = len(self._decode(self._ids[self._context : self._read]))
        self._context, self._read = self._read, len(self._ids)
        return text[known:]

    def _release(self, new: str, *, last: bool) -> str:
        if self.stopped:
            return ""
        text = self._held + (new if self._begun else new.lstrip())
        self._begun = self._begun or bool(text)
        found = [at for stop in self._stops if (at := text.find(stop)) >= 0]
        if found:
            self.stopped = True
            self._held = ""
            return text[: min(found)]
        keep = 0 if last else self._undecided(text)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def _undecided(self, text: str) -> int:
        """Length of the longest end of `text` that begins a stop string."""
        longest = min(len(text), max((len(stop) - 1 for stop in self._stops), default=0))
        for length in range(longest, 0, -1):
            end = text[-length:]
            if any(stop.startswith(end) for stop in self._stops):
                return length
        return 0
