"""What is typed or piped in, line by line, without holding up the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import BinaryIO

from prompt_toolkit import PromptSession
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.history import InMemoryHistory


async def typed(prompt: str) -> AsyncIterator[str]:
    """Lines that a person types, with editing and a history; ends with Ctrl-D."""
    session: PromptSession[str] = PromptSession(history=InMemoryHistory())
    while True:
        try:
            line = await session.prompt_async(FormattedText([("bold ansicyan", prompt)]))
        except EOFError:
            return
        yield line


async def piped(stream: BinaryIO) -> AsyncIterator[str]:
    """Lines of a pipe or file, read no faster than they are taken; bad bytes become U+FFFD."""
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[bytes] = asyncio.Queue(maxsize=1)

    def read() -> None:
        # A daemon thread: a pipe that never ends must not keep the program from stopping.
        try:
            for line in stream:
                asyncio.run_coroutine_threadsafe(lines.put(line), loop).result()
            asyncio.run_coroutine_threadsafe(lines.put(b""), loop).result()
        except RuntimeError:  # the loop is closed: nobody listens any more
            return

    threading.Thread(target=read, name="stdin", daemon=True).start()
    while line := await lines.get():
        yield line.decode("utf-8", "replace")
