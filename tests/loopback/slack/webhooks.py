"""HTTP mode: events, commands and interactions posted to the app's own server, signed."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import urllib.parse
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp

from tests.loopback.slack.dispatch import COMMAND, EVENT, NotDelivered, Parcel

if TYPE_CHECKING:
    from tests.loopback.slack.model import Json
    from tests.loopback.slack.world import App

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Posted:
    """One request to the app, and how it was answered (0: not at all)."""

    kind: str
    attempt: int
    status: int
    body: str


class Webhooks:
    """A line over HTTP. Tests spoil the signature by changing `secret` or `age`.

    Commands and interactions go to `url` as well, unless they have been given their own.
    """

    def __init__(self, app: App, url: str, *, commands: str = "", interactions: str = "") -> None:
        self.secret = app.signing_secret
        self.age = 0.0
        """Seconds by which the timestamps of requests lie in the past."""
        self.posted: list[Posted] = []
        self._app = app
        self._urls = {EVENT: url, COMMAND: commands or url}
        self._interactions = interactions or url
        self._session = aiohttp.ClientSession()

    async def deliver(self, parcel: Parcel, patience: float) -> Json | None:
        """Post it; anything but a 2xx in time is a failure."""
        headers = {}
        if parcel.attempt:
            headers = {
                "X-Slack-Retry-Num": str(parcel.attempt),
                "X-Slack-Retry-Reason": parcel.reason,
            }
        url = self._urls.get(parcel.kind, self._interactions)
        body, content_type = _encoded(parcel)
        headers |= {"Content-Type": content_type} | self._signed(body)
        return await self._post(url, parcel, body, headers, patience)

    async def verifies_url(self) -> bool:
        """Whether the request URL answers the challenge with which Slack checks it."""
        payload = {
            "type": "url_verification",
            "token": self._app.verification_token,
            "challenge": "loopback-challenge",
        }
        answer = await self.deliver(Parcel(EVENT, payload), 3.0)
        return (answer or {}).get("challenge", (answer or {}).get("text")) == payload["challenge"]

    async def close(self) -> None:
        """Let the connections go."""
        await self._session.close()

    async def _post(
        self, url: str, parcel: Parcel, body: str, headers: dict[str, str], patience: float
    ) -> Json | None:
        status, text, final, reason = 0, "", False, "http_error"
        timeout = aiohttp.ClientTimeout(total=patience)
        try:
            async with self._session.post(
                url, data=body, headers=headers, timeout=timeout, allow_redirects=False
            ) as answer:
                status, text = answer.status, await answer.text()
                final = answer.headers.get("X-Slack-No-Retry") == "1"
        except TimeoutError:
            reason = "http_timeout"
        except aiohttp.ClientError:
            reason = "connection_failed"
        self.posted.append(Posted(parcel.kind, parcel.attempt, status, text))
        if 200 <= status < 300:
            return _decoded(text)
        raise NotDelivered(reason, final=final)

    def _signed(self, body: str) -> dict[str, str]:
        stamp = str(int(time.time() - self.age))
        digest = hmac.new(self.secret.encode(), f"v0:{stamp}:{body}".encode(), hashlib.sha256)
        return {
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": f"v0={digest.hexdigest()}",
        }


def _encoded(parcel: Parcel) -> tuple[str, str]:
    if parcel.kind == EVENT:
        return json.dumps(parcel.payload), "application/json"
    if parcel.kind == COMMAND:
        return urllib.parse.urlencode(parcel.payload), FORM
    return urllib.parse.urlencode({"payload": json.dumps(parcel.payload)}), FORM


def _decoded(text: str) -> Json | None:
    if not text:
        return None
    try:
        value = json.loads(text)
    except ValueError:
        return {"text": text}
    return value if isinstance(value, dict) else {"text": text}
