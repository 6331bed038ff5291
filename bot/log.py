"""Logging: structlog for our own lines, everybody else's routed into the same stream, no secrets.

Lines go to standard error: coloured text on a terminal, JSON elsewhere.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
from collections.abc import Iterable, Mapping
from contextvars import Context
from typing import Any, TextIO
from urllib.parse import quote, quote_plus

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

MASK = "***"
SHAPES = re.compile(
    r"\bx(?:ox[a-z](?:\.xox[a-z])?|app)-[\w-]{6,}"  # Slack's tokens
    r"|\b[\w-]{23,28}\.[\w-]{6,7}\.[\w-]{27,}"  # a bot's token of Discord's
    r"|\bhf_[A-Za-z0-9]{16,}|\bsk-[\w-]{16,}"
    r"|(?<=/webhooks/)\d+/[\w-]{20,}|(?<=/interactions/)\d+/[\w-]{20,}"
    r"|(?<=hooks\.slack\.com/)\w+/[\w/-]{8,}|(?<=[?&]ticket=)[\w%-]+"
)
"""What tokens look like that no configuration names: of an installation, or good for minutes."""
SHORTEST_SECRET = 4
"""Masking anything shorter would make the log unreadable."""

LIBRARIES = (
    "aiosqlite",
    "alembic",
    "asyncio",
    "discord",
    "httpx",
    "slack_bolt",
    "slack_sdk",
    "sqlalchemy",
    "transformers",
)
"""What these say below a warning is of interest to their own developers only, or tells texts."""

TEXTS = frozenset({"asked", "answered", "file"})
"""Keys under which people's own words may be logged, if the configuration wants that."""

WITH_OWN_HANDLERS = ("transformers", "huggingface_hub")


class Mask:
    """Replaces every planted secret, however it was escaped on its way into a text."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {
            form
            for secret in secrets
            if len(secret) >= SHORTEST_SECRET
            for form in (
                secret,
                quote(secret, safe=""),
                quote(secret),
                quote_plus(secret),
                json.dumps(secret)[1:-1],
                repr(secret)[1:-1],
            )
        }
        self._forms = sorted(forms, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """The text without secrets."""
        for form in self._forms:
            text = text.replace(form, MASK)
        return SHAPES.sub(MASK, text)

    def event(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """The same for a structlog event, before it is rendered and its texts escaped.

        An exception that waits to be formatted is left to `rendered`.
        """
        return {
            key: value if key == "exc_info" else self._value(value) for key, value in event.items()
        }

    def rendered(self, _logger: WrappedLogger, _method: str, line: Any) -> str:
        """The same for the finished line: tracebacks and the `repr` of objects come in late."""
        return self(str(line))

    def _value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self(value)
        if isinstance(value, Mapping):
            return {self._value(key): self._value(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._value(item) for item in value]
        return value if value is None or isinstance(value, (int, float)) else self(repr(value))


def set_up(
    level: str, layout: str, mask: Mask, stream: TextIO | None = None, *, texts: bool = False
) -> None:
    """Configure structlog and standard logging for the whole process.

    `layout` is "console", "json" or "auto", which looks at whether the stream is a terminal.
    Without `texts` what people and the model say is left out of every line.
    """
    stream = stream or sys.stderr
    console = layout == "console" or (layout == "auto" and stream.isatty())
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_formatter(mask, stream, console=console, texts=texts))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(capture=True)
    quietest = logging.INFO if level == "debug" else logging.WARNING
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(max(quietest, root.level))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,  # a logger made before this call must follow it too
    )


def catch_strays() -> None:
    """Have failures that Python itself would print, of a thread for instance, go to the log."""

    def of_thread(failed: threading.ExceptHookArgs) -> None:
        if failed.exc_value is not None and failed.exc_type is not SystemExit:
            name = failed.thread.name if failed.thread else ""
            logging.getLogger("threading").error(
                "the thread %s has failed", name, exc_info=failed.exc_value
            )

    def unraisable(failed: Any) -> None:
        logging.getLogger("python").error("%s", failed.err_msg, exc_info=failed.exc_value)

    threading.excepthook = of_thread
    sys.unraisablehook = unraisable


def adopt() -> None:
    """Take over the loggers of libraries that put up their own handlers when they are imported."""
    for name in WITH_OWN_HANDLERS:
        logger = logging.getLogger(name)
        logger.handlers = []
        logger.propagate = True


def _shared() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]


def apart() -> Context:
    """A context without the ids of the reply at hand, for work that outlives it."""
    return Context()


def _without_texts(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {key: value for key, value in event.items() if key not in TEXTS}


def _formatter(mask: Mask, stream: TextIO, *, console: bool, texts: bool) -> logging.Formatter:
    renderers: list[Processor]
    if console:
        # plain: the pretty one prints local variables, and those hold secrets
        plain = structlog.dev.plain_traceback
        colours = stream.isatty()
        renderers = [structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=plain)]
    else:
        renderers = [structlog.processors.JSONRenderer(ensure_ascii=False, default=repr)]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*_shared(), structlog.stdlib.ExtraAdder()],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *([] if console else [structlog.processors.format_exc_info]),
            *([] if texts else [_without_texts]),
            mask.event,
            *renderers,
            mask.rendered,
        ],
    )
