"""Who is next: Places take turns, and within a Place the first come is the first served."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from bot.generation.request import Request


class FairQueue:
    """Requests that wait, one line for each Place; the lines are served in rotation."""

    def __init__(self) -> None:
        self._lines: dict[str, deque[Request]] = {}

    def __len__(self) -> int:
        return sum(len(line) for line in self._lines.values())

    def __iter__(self) -> Iterator[Request]:
        """The order in which they would be taken if nobody else came."""
        lines = list(self._lines.values())
        for rank in range(max(map(len, lines), default=0)):
            yield from (line[rank] for line in lines if rank < len(line))

    def add(self, request: Request) -> None:
        """Stand at the end of the Place's line."""
        self._lines.setdefault(request.place, deque()).append(request)

    def put_back(self, request: Request) -> None:
        """Stand before everybody else: it had its turn, but lost its memory."""
        line = self._lines.pop(request.place, deque())
        line.appendleft(request)
        self._lines = {request.place: line, **self._lines}

    def take(self) -> Request:
        """The next request; its Place goes to the end of the rotation."""
        place, line = next(iter(self._lines.items()))
        request = line.popleft()
        del self._lines[place]
        if line:
            self._lines[place] = line
        return request

    def remove(self, request: Request) -> None:
        """Leave the line."""
        line = self._lines[request.place]
        line.remove(request)
        if not line:
            del self._lines[request.place]
