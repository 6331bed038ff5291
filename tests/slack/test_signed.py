"""What comes over HTTP: nothing counts that Slack did not sign, and nothing counts twice."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from urllib.parse import urlencode

import pytest
from aiohttp import ClientSession
from hypothesis import given
from hypothesis import strategies as st

from adapters.slack.manifest import EVENTS_PATH
from adapters.slack.signed import SIGNATURE, TIMESTAMP, VALID, Signed
from adapters.web.server import WebServer
from bot.errors import StorageError
from tests.loopback.slack import SlackServer
from tests.slack.stage import Stage, running, signed_in
from tests.web.test_server import Parts

FORM = "application/x-www-form-urlencoded"
SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
NOW = 1_531_420_618


@dataclass
class Door:
    """Slack's side of HTTP, in the hands of somebody who may forge."""

    stage: Stage
    url: str
    session: ClientSession

    def event(self, text: str = "hi", **more: object) -> bytes:
        said = {
            "type": "message",
            "channel": self.stage.ann.dms.id,
            "channel_type": "im",
            "user": self.stage.ann.user.id,
            "text": text,
            "ts": "1700000000.000100",
        }
        team = self.stage.workspace.id
        body = {"type": "event_callback", "team_id": team, "event_id": "Ev1", "event": said}
        return json.dumps(body | more).encode()

    def command(self, text: str) -> bytes:
        given = {
            "command": "/quipu",
            "text": text,
            "team_id": self.stage.workspace.id,
            "user_id": self.stage.mia.user.id,
            "channel_id": self.stage.channel.id,
            "trigger_id": "1.2",
        }
        return urlencode(given).encode()

    def signed(self, body: bytes, *, at: float | None = None, secret: str = "") -> dict[str, str]:
        stamp = str(int(time.time() if at is None else at))
        key = (secret or self.stage.server.app.signing_secret).encode()
        digest = hmac.new(key, f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
        return {TIMESTAMP: stamp, SIGNATURE: f"v0={digest}"}

    async def post(
        self, body: bytes, headers: Mapping[str, str], kind: str = "application/json"
    ) -> int:
        sent = {"Content-Type": kind, **headers}
        async with self.session.post(self.url, data=BytesIO(body), headers=sent) as answer:
            await answer.read()
            return answer.status


@pytest.fixture
async def door(slack_server: SlackServer) -> AsyncIterator[Door]:
    server = WebServer("127.0.0.1", 0, health=Parts().check)
    await server.start()
    secret = slack_server.app.signing_secret
    settings = {"mode": "http", "signing_secret": secret, "app_token": None}
    async with (
        ClientSession() as session,
        signed_in(slack_server, mount=server.mount, **settings) as stage,
        running(stage.messenger),
    ):
        yield Door(stage, f"http://127.0.0.1:{server.port}{EVENTS_PATH}", session)
    await server.stop()


async def test_what_slack_signed_is_heard(door: Door) -> None:
    body = door.event()
    assert await door.post(body, door.signed(body)) == 200
    assert [one.text for one in await door.stage.heard()] == ["hi"]


@pytest.mark.parametrize("age", [VALID + 1, 3600, 10 * 365 * 86_400, -VALID - 5])
async def test_an_old_or_future_timestamp_is_refused(door: Door, age: float) -> None:
    body = door.event()
    assert await door.post(body, door.signed(body, at=max(time.time() - age, 1))) == 401
    assert door.stage.inbox.accepted == []


async def test_a_wrong_signature_is_refused_whatever_it_looks_like(door: Door) -> None:
    body = door.event()
    right = door.signed(body)
    wrong: list[dict[str, str]] = [
        {},
        {TIMESTAMP: right[TIMESTAMP]},
        {SIGNATURE: right[SIGNATURE]},
        door.signed(body, secret="somebody else's"),
        door.signed(door.event("something else")),
        right | {SIGNATURE: right[SIGNATURE].upper()},
        right | {SIGNATURE: right[SIGNATURE].removeprefix("v0=")},
        right | {SIGNATURE: right[SIGNATURE][:-1]},
        right | {SIGNATURE: "v0=ä"},
        *(right | {TIMESTAMP: stamp} for stamp in ("", "x", "-1", "9" * 400, "1e9", "inf", "²")),
    ]
    for headers in wrong:
        assert await door.post(body, headers) == 401, headers
    assert door.stage.inbox.accepted == []


async def test_nothing_is_read_of_a_body_that_nobody_signed(door: Door) -> None:
    for body in (b"", b"{", b"[" * 100_000, b"\xff\xfe", b"payload=%5B%5B", b'{"event": 7}'):
        for kind in ("application/json", FORM, "application/json; charset=nothing", "x"):
            assert await door.post(body, {}, kind) == 401


async def test_a_signed_body_in_another_character_set_is_what_was_signed(door: Door) -> None:
    body = door.event("grüß dich")
    kind = "application/json; charset=utf-16"
    assert await door.post(body, door.signed(body), kind) == 200
    assert [one.text for one in await door.stage.heard()] == ["grüß dich"]


async def test_a_certificate_check_needs_no_signature_and_does_nothing(door: Door) -> None:
    body = b"ssl_check=1&" + door.command("channel wipe")
    assert await door.post(body, {}, FORM) == 200
    forged = door.event(ssl_check="1")
    assert await door.post(forged, {}) == 401
    assert door.stage.control.calls == []
    assert door.stage.inbox.accepted == []


async def test_a_request_that_is_played_again_does_nothing(door: Door) -> None:
    body = door.command("persona clear")
    headers = door.signed(body)
    assert [await door.post(body, headers, FORM) for _ in range(3)] == [200, 200, 200]
    assert [call.command for call in door.stage.control.calls] == [("persona", "clear")]


async def test_a_request_that_failed_may_come_again(door: Door) -> None:
    door.stage.inbox.failure = StorageError("busy")
    body = door.event()
    headers = door.signed(body)
    assert await door.post(body, headers) == 500
    door.stage.inbox.failure = None
    assert await door.post(body, headers) == 200
    assert [one.text for one in await door.stage.heard()] == ["hi"]


@pytest.mark.parametrize(
    "who", [{"team_id": "T0ELSEWHERE"}, {"team_id": "T0ELSEWHERE", "enterprise_id": "E0OTHER"}]
)
async def test_an_event_of_another_team_is_nobodys(door: Door, who: dict[str, str]) -> None:
    body = door.event(**who)
    assert await door.post(body, door.signed(body)) == 200
    assert door.stage.inbox.accepted == []


async def test_a_body_beyond_the_limit_is_refused_signed_or_not(door: Door) -> None:
    body = door.event("x" * 1_100_000)
    assert await door.post(body, door.signed(body)) == 413
    assert await door.post(body, {}) == 413
    assert door.stage.inbox.accepted == []


def signed_at(stamp: int, body: bytes = b"body") -> dict[str, str]:
    digest = hmac.new(SECRET.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256)
    return {TIMESTAMP: str(stamp), SIGNATURE: f"v0={digest.hexdigest()}"}


def test_slacks_own_example_is_taken() -> None:
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id="
        b"G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-"
        b"collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F39770"
        b"0885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d"
        b"2c447fce8b6703c"
    )
    headers = {
        SIGNATURE: "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
        TIMESTAMP: "1531420618",
    }
    assert Signed(SECRET, clock=lambda: NOW).holds(body, headers)


def test_a_signature_is_remembered_for_as_long_as_it_counts() -> None:
    now = [float(NOW)]
    signed, headers = Signed(SECRET, clock=lambda: now[0]), signed_at(NOW + 299)
    assert signed.holds(b"body", headers)
    signed.note(headers)
    now[0] += 299 + VALID
    assert signed.holds(b"body", headers)
    assert signed.again(headers)


@given(st.binary(max_size=40), st.dictionaries(st.sampled_from([TIMESTAMP, SIGNATURE]), st.text()))
def test_no_headers_make_looking_at_them_fail(body: bytes, headers: dict[str, str]) -> None:
    assert not Signed(SECRET, clock=lambda: NOW).holds(body, headers)
