"""The server: one model under one name on a port of this machine."""

# ruff: noqa: ASYNC109 - tests say how long they are ready to wait

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from aiohttp import web

from tests.loopback.changes import PATIENCE, Changes
from tests.loopback.endpoint.writers import Writer
from tests.loopback.faults import Faults, reset

COMPLETIONS, CHAT = "/v1/completions", "/v1/chat/completions"

Mishap = Literal["reset", "hang", "end", "error", "nonsense", "abort"]


@dataclass
class Behaviour:
    """What kind of server this is; a test changes it as it likes.

    `mishap` befalls every stream after `mishap_after` pieces. The first `stumbles` requests that
    try it meet an error of its own.
    """

    served: str = "llama"
    key: str = ""
    completions: bool = True
    chat: bool = True
    token_ids: bool = True
    adds_bos: bool = False
    counts: bool = True
    unknown: frozenset[str] = frozenset()
    context: int = 4096
    retry_after: str = ""
    stumbles: int = 0
    mishap: Mishap | None = None
    mishap_after: int = 2


@dataclass(frozen=True)
class Recorded:
    """One request as it came."""

    path: str
    body: dict[str, Any]
    headers: dict[str, str] = field(repr=False)

    @property
    def is_probe(self) -> bool:
        """Whether it asks for one token only, to find out what the server takes."""
        return "stream" not in self.body


class EndpointServer:
    """Use it as an async context manager; `url` goes to the generator."""

    def __init__(self, writer: Writer, **behaviour: Any) -> None:
        self.behaviour = Behaviour(**behaviour)
        self.faults = Faults()
        self.requests: list[Recorded] = []
        self.running = 0
        self.hung_up = 0
        self.changes = Changes()
        self._writer = writer
        self._runner: web.AppRunner | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """For the OpenAI library's `base_url`."""
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def answers(self) -> list[Recorded]:
        """Requests for an answer, without those that only try the server."""
        return [recorded for recorded in self.requests if not recorded.is_probe]

    async def until(self, look: Callable[[Self], object], timeout: float = PATIENCE) -> None:
        """Wait until something is true of this server."""
        await self.changes.until(
            lambda: look(self), timeout, lambda: f"{self.running} running, {self.hung_up} hung up"
        )

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; at the port of last time if there was one."""
        app = web.Application()
        app.router.add_post(COMPLETIONS, self._serve)
        app.router.add_post(CHAT, self._serve)
        app.router.add_get("/v1/models", self._models)
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Be gone: connections are refused from now on."""
        self.faults.clear()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _models(self, request: web.Request) -> web.Response:
        if refusal := self._unwelcome(request):
            return refusal
        return web.json_response(
            {"object": "list", "data": [{"id": self.behaviour.served, "object": "model"}]}
        )

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.running += 1
        try:
            return await self._answer(request)
        except (asyncio.CancelledError, ConnectionResetError):
            self.hung_up += 1
            raise asyncio.CancelledError from None
        finally:
            self.running -= 1
            self.changes.announce()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        recorded = Recorded(request.path, await request.json(), dict(request.headers))
        self.requests.append(recorded)
        self.changes.announce()
        if not recorded.is_probe and (response := await self._disturbed(request)):
            return response
        if refusal := self._unwelcome(request) or self._refused(recorded):
            return refusal
        ids = self._ids(recorded)
        if refusal := self._too_long(len(ids), recorded.body.get("max_tokens", 0)):
            return refusal
        if recorded.is_probe:
            return self._tried(ids)
        return await _Stream(self.behaviour, self._writer, recorded, ids).send(request, self._usage)

    async def _disturbed(self, request: web.Request) -> web.Response | None:
        """What goes wrong on purpose, if anything does."""
        fault = self.faults.meet("POST", request.path)
        if fault is None:
            return None
        await fault.pause()
        if fault.reset:
            reset(request)
            return web.Response()
        if fault.status is None:
            return None
        headers = {"Retry-After": self.behaviour.retry_after}
        return _refusal(fault.status, fault.error, headers=headers)

    def _too_long(self, read: int, wanted: int) -> web.Response | None:
        most = self.behaviour.context
        if read + wanted <= most:
            return None
        return _refusal(
            400,
            f"This model's maximum context length is {most} tokens. However, you requested "
            f"{wanted} output tokens and your prompt contains {read} input tokens.",
        )

    def _tried(self, ids: list[int]) -> web.Response:
        """One token, all at once."""
        if self.behaviour.stumbles > 0:
            self.behaviour.stumbles -= 1
            return _refusal(500, "list index out of range")
        choice = {"index": 0, "text": "x", "finish_reason": "length"}
        answer = {"id": "c", "object": "text_completion", "choices": [choice]}
        return web.json_response({**answer, **self._usage(len(ids), 1)})

    def _unwelcome(self, request: web.Request) -> web.Response | None:
        key = self.behaviour.key
        if key and request.headers.get("Authorization") != f"Bearer {key}":
            return _refusal(401, "Unauthorized")
        return None

    def _refused(self, recorded: Recorded) -> web.Response | None:
        kind, body = self.behaviour, recorded.body
        chat = recorded.path == CHAT
        if not (kind.chat if chat else kind.completions):
            return _refusal(404, "Not Found")
        if body["model"] != kind.served:
            return _refusal(404, f"The model `{body['model']}` does not exist.")
        if strange := sorted(kind.unknown & body.keys()):
            return _refusal(400, f"Extra inputs are not permitted: {', '.join(strange)}")
        if not (chat or kind.token_ids or isinstance(body["prompt"], str)):
            return _refusal(400, "prompt must be a string.")
        return None

    def _ids(self, recorded: Recorded) -> list[int]:
        if recorded.path == CHAT:
            return self._writer.encode(recorded.body["messages"])
        extra = [1] if self.behaviour.adds_bos else []
        return [*extra, *recorded.body["prompt"]]

    def _usage(self, read: int, written: int) -> dict[str, Any]:
        if not self.behaviour.counts:
            return {}
        count = {"prompt_tokens": read, "completion_tokens": written}
        details = {"prompt_tokens_details": {"cached_tokens": 0}}
        return {"usage": {**count, "total_tokens": read + written, **details}}


class _Stream:
    """One answer as server-sent events."""

    def __init__(
        self, behaviour: Behaviour, writer: Writer, recorded: Recorded, ids: list[int]
    ) -> None:
        self._behaviour = behaviour
        self._writer = writer
        self._body = recorded.body
        self._chat = recorded.path == CHAT
        self._ids = ids

    async def send(
        self, request: web.Request, usage: Callable[[int, int], dict[str, Any]]
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        written, reason = 0, "stop"
        async with aclosing(self._writer.write(self._ids, self._body)) as pieces:
            async for piece in pieces:
                if piece is None:
                    reason = "length"
                    continue
                if written == self._behaviour.mishap_after and self._behaviour.mishap:
                    return await self._mishap(request, response, self._behaviour.mishap)
                await response.write(_event(self._chunk(piece)))
                written += 1
        await response.write(_event(self._chunk("", reason)))
        if self._body.get("stream_options"):
            await response.write(_event({"choices": [], **usage(len(self._ids), written)}))
        await response.write(b"data: [DONE]\n\n")
        return response

    def _chunk(self, text: str, reason: str | None = None) -> dict[str, Any]:
        said = {"delta": {"content": text}} if self._chat else {"text": text}
        return {"id": "c", "choices": [{"index": 0, **said, "finish_reason": reason}]}

    async def _mishap(
        self, request: web.Request, response: web.StreamResponse, mishap: Mishap
    ) -> web.StreamResponse:
        match mishap:
            case "reset":
                reset(request)
            case "hang":
                await asyncio.Event().wait()
            case "error":
                await response.write(_event({"error": {"message": "CUDA out of memory"}}))
            case "nonsense":
                await response.write(b"data: {not json\n\n")
            case "abort":
                await response.write(_event(self._chunk("", "abort")))
            case "end":
                pass
        return response


def _event(value: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(value)}\n\n".encode()


def _refusal(status: int, message: str, *, headers: dict[str, str] | None = None) -> web.Response:
    error = {"message": message, "type": "invalid_request_error", "code": status}
    return web.json_response({"error": error}, status=status, headers=headers)
