"""What every REST request goes through before and after its handler."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.loopback.discord.errors import ApiError
from tests.loopback.faults import Fault, Faults, reset

if TYPE_CHECKING:
    from tests.loopback.discord.limits import Limits
    from tests.loopback.discord.openapi import OpenApi

RETRY_AFTER = 0.05
PREFIX = "/api/v10"
BODY = web.RequestKey("body", dict[str, Any])
UPLOADS = web.RequestKey("uploads", list[tuple[str, bytes]])
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Recorded:
    """One request, as it came and as it was answered."""

    at: float
    method: str
    path: str
    body: Any
    status: int = 0


@dataclass
class Pipeline:
    """Faults, the judge, the token and the limits, in this order, around every handler."""

    token: str
    limits: Limits
    openapi: OpenApi | None
    faults: Faults = field(default_factory=Faults)
    requests: list[Recorded] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    misstatements: list[str] = field(default_factory=list)

    @property
    def middleware(self) -> Any:
        """For aiohttp."""

        @web.middleware
        async def handle(request: web.Request, handler: Handler) -> web.StreamResponse:
            if not request.path.startswith(PREFIX):
                return await handler(request)
            return await self._handle(request, handler)

        return handle

    async def _handle(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        path = request.path.removeprefix(PREFIX)
        try:
            body, request[UPLOADS] = await _read(request)
        except ValueError:
            return web.json_response(ApiError(50109).body(), status=400)
        request[BODY] = body or {}
        record = Recorded(time.monotonic(), request.method, path, body)
        self.requests.append(record)
        fault = self.faults.meet(request.method, path)
        response = await _before(fault, request)
        if response is None:
            self._judge(request, path, body)
            response = await self._answer(request, handler)
            self._judge_answer(request, path, response)
            response = await _after(fault, request) or response
        record.status = response.status
        if response.content_type == "application/json":
            # discord.py reads JSON only if the header names no charset, as Discord's does not.
            response.charset = None
        # Without it discord.py takes a 429 for a ban by Cloudflare.
        response.headers["Via"] = "1.1 google"
        response.headers["Date"] = formatdate(time.time() + self.limits.ahead, usegmt=True)
        return response

    def _judge(self, request: web.Request, path: str, body: Any) -> None:
        if self.openapi is not None:
            query = dict(request.query)
            self.violations += self.openapi.violations(request.method, path, query, body)

    def _judge_answer(self, request: web.Request, path: str, response: web.Response) -> None:
        if self.openapi is not None and response.text:
            body = json.loads(response.text)
            problems = self.openapi.misstatements(request.method, path, response.status, body)
            self.misstatements += problems

    async def _answer(self, request: web.Request, handler: Handler) -> web.Response:
        headers: dict[str, str] = {}
        try:
            route = self._route(request)
            self._authorize(request, route)
            exempt = "/interactions/" in route or "/webhooks/" in route
            verdict = self.limits.admit(route, request.match_info, exempt=exempt)
            headers = verdict.headers
            if verdict.retry_after is not None:
                wait = {"retry_after": round(verdict.retry_after + 0.001, 3)}
                body = {"message": "You are being rate limited.", "global": verdict.everywhere}
                return web.json_response(body | wait, status=429, headers=headers)
            response = await handler(request)
        except ApiError as error:
            response = web.json_response(error.body(), status=error.status)
        except (LookupError, TypeError, ValueError) as error:
            self.misstatements.append(f"{request.method} {request.path}: {error!r}")
            raise
        assert isinstance(response, web.Response)
        response.headers.update(headers)
        return response

    def _route(self, request: web.Request) -> str:
        resource = request.match_info.route.resource
        if resource is None:
            self.violations.append(f"{request.method} {request.path}: not known to this server")
            raise ApiError(0)
        return f"{request.method} {resource.canonical.removeprefix(PREFIX)}"

    def _authorize(self, request: web.Request, route: str) -> None:
        if "/interactions/" in route or "{webhook_token}" in route or route == "GET /gateway":
            return
        if request.headers.get("Authorization") != f"Bot {self.token}":
            raise ApiError(40001)


async def _read(request: web.Request) -> tuple[Any, list[tuple[str, bytes]]]:
    """The JSON of a request, and the files that travel with it."""
    files: list[tuple[str, bytes]] = []
    if request.content_type.startswith("multipart/"):
        form = await request.post()
        text = str(form.get("payload_json", "{}"))
        for item in form.values():
            if isinstance(item, web.FileField):
                files.append((item.filename, item.file.read()))
                item.file.close()
    else:
        text = await request.text()
    return json.loads(text) if text else None, files


async def _before(fault: Fault | None, request: web.Request) -> web.Response | None:
    if fault is None or fault.after:
        return None
    return await _strike(fault, request)


async def _after(fault: Fault | None, request: web.Request) -> web.Response | None:
    if fault is None or not fault.after:
        return None
    return await _strike(fault, request)


async def _strike(fault: Fault, request: web.Request) -> web.Response | None:
    await fault.pause()
    if fault.reset:
        reset(request)
        return web.Response(status=499)
    if fault.body is not None:
        return web.Response(text=fault.body, status=fault.status or 200, content_type=fault.kind)
    if fault.error:
        return _refused(ApiError(int(fault.error)))
    if fault.status == 429:
        return _limited(fault)
    if fault.status is not None:
        return web.json_response({"message": "fault", "code": 0}, status=fault.status)
    return None


def _refused(error: ApiError) -> web.Response:
    return web.json_response(error.body(), status=error.status)


def _limited(fault: Fault) -> web.Response:
    wait = fault.wait or RETRY_AFTER
    body = {"message": "You are being rate limited.", "retry_after": wait}
    headers = {"Retry-After": str(wait), "X-RateLimit-Scope": "user"}
    if fault.everywhere:
        headers |= {"X-RateLimit-Scope": "global", "X-RateLimit-Global": "true"}
    return web.json_response(body | {"global": fault.everywhere}, status=429, headers=headers)
