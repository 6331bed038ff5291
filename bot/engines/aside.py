"""Work that takes minutes, on a thread that nobody has to wait for at the end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")


def aside(step: Callable[[], T]) -> asyncio.Future[T]:
    """The step's result from a thread of its own.

    Neither the event loop nor the interpreter waits for that thread when they end, as they would
    for those of `asyncio.to_thread`.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def tell(act: Callable[[Any], None], outcome: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody listens any more
            loop.call_soon_threadsafe(_settle, future, act, outcome)

    def work() -> None:
        try:
            result = step()
        except Exception as error:  # noqa: BLE001 -- it belongs to whoever waits for the future
            tell(future.set_exception, error)
        except BaseException as error:  # noqa: BLE001 -- SystemExit would end the event loop
            tell(future.set_exception, RuntimeError(f"{type(error).__name__}: {error}"))
        else:
            tell(future.set_result, result)

    run = partial(copy_context().run, work)
    threading.Thread(target=run, name="loading", daemon=True).start()
    return future


def _settle(future: asyncio.Future[Any], act: Callable[[Any], None], outcome: object) -> None:
    if not future.done():  # it may have been given up
        act(outcome)
