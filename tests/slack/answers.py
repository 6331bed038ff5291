"""A Slack that gives the answers it is told to, for what the doctor asks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from adapters.slack.manifest import SCOPES

Answer = tuple[int, dict[str, Any]]


def error(code: str) -> Answer:
    return 200, {"ok": False, "error": code}


@dataclass
class Answers:
    """What each method answers; the scopes are said in a header, as Slack does."""

    said: dict[str, Answer] = field(default_factory=dict)
    scopes: list[str] | None = field(default_factory=lambda: list(SCOPES))
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def say(self, method: str, **body: Any) -> None:
        self.said[method] = (200, {"ok": True, **body})

    def refuse(self, method: str, code: str) -> None:
        self.said[method] = error(code)

    async def answer(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        self.asked.append(method)
        status, body = self.said.get(method, error("unknown_method"))
        response = web.json_response(body, status=status)
        if self.scopes is not None:
            response.headers["X-OAuth-Scopes"] = ",".join(self.scopes)
        return response


def sound() -> Answers:
    """An app that is set up as it should be."""
    answers = Answers()
    answers.say("auth.test", user="quipu", team="Acme", bot_id="B1", user_id="U1", team_id="T1")
    answers.say("bots.info", bot={"id": "B1", "app_id": "A1"})
    answers.say("apps.connections.open", url="wss://example.org/link")
    answers.refuse("oauth.v2.access", "invalid_code")
    return answers


@asynccontextmanager
async def served(answers: Answers) -> AsyncIterator[Answers]:
    app = web.Application()
    app.router.add_route("*", "/api/{method}", answers.answer)
    async with TestServer(app) as server:
        answers.url = str(server.make_url("/api/"))
        yield answers
