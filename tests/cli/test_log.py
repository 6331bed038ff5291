"""The log: one stream for everybody, and no secret in it whatever way it comes."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from bot import log

SECRET = 'pa"ss/wörd\\'
MASK = log.Mask([SECRET, "abc", ""])


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """Standard logging as it was before."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    logging.captureWarnings(capture=False)  # a command that ran here before us has begun it
    yield
    root.handlers, level = before
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def record(layout: str, level: str = "info") -> io.StringIO:
    stream = io.StringIO()
    log.set_up(level, layout, MASK, stream)
    return stream


def fail() -> None:
    secret = SECRET
    raise ValueError(f"cannot sign in with {secret}")


def say_it_in_every_way() -> None:
    ours = structlog.get_logger("bot.test")
    theirs = logging.getLogger("discord.gateway")
    ours.info(f"the token is {SECRET}")
    ours.info("signed in", token=SECRET, nested={"list": [SECRET, {SECRET: SECRET}]})
    ours.info("an object", value=ValueError(SECRET))
    theirs.warning("token %s", SECRET, extra={"token": SECRET})
    try:
        fail()
    except ValueError:
        ours.exception("failed")
        theirs.exception("failed")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn(f"deprecated: {SECRET}", DeprecationWarning, stacklevel=1)


@pytest.mark.parametrize("layout", ["console", "json"])
def test_a_secret_never_reaches_the_log(layout: str) -> None:
    stream = record(layout)
    say_it_in_every_way()
    said = stream.getvalue()
    assert said.count("ValueError") >= 2
    assert "deprecated" in said
    for form in (SECRET, "wörd", "w\\u00f6rd", "w%C3%B6rd"):
        assert form not in said


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_every_line_for_machines_is_an_object() -> None:
    stream = record("json")
    say_it_in_every_way()
    found = lines(stream)
    assert {"bot.test", "discord.gateway"} <= {each["logger"] for each in found}
    assert all({"event", "level", "timestamp"} <= each.keys() for each in found)


def test_what_is_not_a_terminal_gets_lines_for_machines() -> None:
    stream = record("auto")
    structlog.get_logger("bot").info("hello", answer=42)
    (line,) = lines(stream)
    assert (line["event"], line["answer"]) == ("hello", 42)


def test_libraries_are_quiet_until_something_is_wrong() -> None:
    stream = record("json")
    for level in (logging.INFO, logging.WARNING):
        logging.getLogger("alembic.runtime").log(level, "at %s", level)
    assert [line["level"] for line in lines(stream)] == ["warning"]


def test_the_level_is_kept() -> None:
    stream = record("json", "warning")
    structlog.get_logger("bot").info("no")
    structlog.get_logger("bot").warning("yes")
    assert [line["event"] for line in lines(stream)] == ["yes"]


def test_a_library_with_its_own_handler_is_taken_over() -> None:
    library = logging.getLogger("transformers")
    library.addHandler(logging.NullHandler())
    library.propagate = False
    stream = record("json")
    log.adopt()
    logging.getLogger("transformers.models").warning("careful")
    assert [line["event"] for line in lines(stream)] == ["careful"]


def test_secrets_too_short_to_be_masked_leave_the_text_readable() -> None:
    assert MASK("abcdef") == "abcdef"


@pytest.mark.parametrize("texts", [False, True])
def test_what_people_say_is_logged_only_if_that_is_wanted(*, texts: bool) -> None:
    stream = io.StringIO()
    log.set_up("info", "json", MASK, stream, texts=texts)
    structlog.get_logger("bot").info("reply ended", asked="hello", answered="hi", tokens=1)
    (line,) = lines(stream)
    assert line["tokens"] == 1
    assert ("asked" in line, "answered" in line) == (texts, texts)


def test_work_that_outlives_a_reply_does_not_bear_its_ids() -> None:
    stream = record("json")
    with structlog.contextvars.bound_contextvars(reply=7):
        structlog.get_logger("bot").info("within")
        log.apart().run(structlog.get_logger("bot").info, "apart")
    assert [line.get("reply") for line in lines(stream)] == [7, None]


@pytest.mark.parametrize(
    "token",
    [
        "xoxb-1234567890-0987654321-abcDEF",
        "xoxe.xoxp-1-abcdef0123",
        "xapp-1-A0123-456-abcdef",
        "MTIzNDU2Nzg5MDEyMzQ1Njc4.Gabcde.0123456789-abcdefghijklmnop_qrstuv",
        "hf_abcdefghijklmnopqrstuvwxyz",
        "sk-abcdefghijklmnopqrst",
        "https://discord.com/api/webhooks/123456789012345678/aW50ZXJhY3Rpb246MTIzNDU2",
        "https://discord.com/api/interactions/123456789012345678/aW50ZXJhY3Rpb246MTIz/callback",
        "https://hooks.slack.com/commands/T0123/1234567890/abcdefghijkl",
        "wss://wss-primary.slack.com/link/?ticket=4f7a9d3e-1b2c&app_id=1",
    ],
)
def test_tokens_that_nobody_configured_are_known_by_their_shape(token: str) -> None:
    stream = record("json")
    structlog.get_logger("bot").info("sent", to=token, why=f"a {token!r} b")
    logging.getLogger("slack_sdk").warning("went to %s", token)
    parts = re.split(r"[/=&?]|callback|[\w-]+\.slack\.com|discord\.com", token)
    assert max(parts, key=len) not in stream.getvalue()
    assert log.MASK in stream.getvalue()


def test_ordinary_words_are_left_alone() -> None:
    text = "task-oriented-programming-language bot.control.room adapters/web/server.py 1.2.3 x-y"
    assert MASK(text) == text


def test_a_thread_that_fails_is_told_by_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    stream = record("json")
    log.catch_strays()
    thread = threading.Thread(target=fail, name="a loader")
    thread.start()
    thread.join()
    (line,) = lines(stream)
    assert line["event"] == "the thread a loader has failed"
    assert "ValueError" in line["exception"]
    assert "wörd" not in stream.getvalue()
