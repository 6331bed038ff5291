"""Who is next: Places take turns, and within a Place the first come is the first served."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from bot.generation.request import Request


class FairQueue:
    """Requests that wait, one line for each Place; the lines are served in rotation."""

    def __init__(self) -> None:
        self._lines: dict[str, deque[Request]] = {}
        self._length = 0

    def __len__(self) -> int:
        """May be asked from any thread."""
        return self._length

    def __iter__(self) -> Iterator[Request]:
        """The order in which they would be taken if nobody else came."""
        lines = list(self._lines.values())
        for rank in range(max(map(len, lines), default=0)):
            yield from (line[rank] for line in lines if rank < len(line))

    @property
    def next(self) -> Request | None:
        """Whom `take` would give; None if nobody waits."""
        return next(iter(self), None)

    def add(self, request: Request) -> None:
        """Stand at the end of the Place's line."""
        self._lines.setdefault(request.place, deque()).append(request)
        self._length += 1

    def put_back(self, request: Request) -> None:
        """Stand before everybody else: it had its turn, but lost its memory."""
        line = self._lines.pop(request.place, deque())
        line.appendleft(request)
        self._lines = {request.place: line, **self._lines}
        self._length += 1

    def take(self) -> Request:
        """The next request; its Place goes to the end of the rotation."""
        place, line = next(iter(self._lines.items()))
        request = line.popleft()
        self._length -= 1
        del self._lines[place]
        if line:
            self._lines[place] = line
        return request

    def remove(self, request: Request) -> None:
        """Leave the line."""
        line = self._lines[request.place]
        line.remove(request)
        self._length -= 1
        if not line:
            del self._lines[request.place]
