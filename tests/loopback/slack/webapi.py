"""What every Web API call goes through before and after its method."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import BasicAuth, web

from tests.loopback.faults import Fault, Faults, reset
from tests.loopback.slack.calls import Answers, Call
from tests.loopback.slack.errors import ApiError
from tests.loopback.slack.scopes import METHODS

if TYPE_CHECKING:
    from tests.loopback.slack.judge import MethodJudge
    from tests.loopback.slack.limits import Limits
    from tests.loopback.slack.model import Json, Workspace
    from tests.loopback.slack.world import World

PATH = "/api/{method}"
WITHOUT_TOKEN = ("oauth.v2.access",)
APP_LEVEL = ("apps.connections.open",)
JSON_TEXT = ("attachments", "blocks", "chunks", "files", "metadata", "prompts", "view")


@dataclass
class Recorded:
    """One call, as it came and as it was answered; `error` is empty if it went well."""

    at: float
    method: str
    args: Json
    status: int = 0
    error: str = ""


@dataclass
class WebApi:
    """Faults, the judge, the token, the limits and the scopes around every method."""

    world: World
    limits: Limits
    judge: MethodJudge | None
    answers: Answers = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)
    calls: list[Recorded] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    misstatements: list[str] = field(default_factory=list)

    def routes(self) -> list[web.RouteDef]:
        """For aiohttp."""
        return [web.route("*", PATH, self.handle)]

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one call. Faults strike before it is counted or judged."""
        method = request.match_info["method"]
        args = await _arguments(request)
        token = args.pop("token", "")
        record = Recorded(time.monotonic(), method, args)
        self.calls.append(record)
        fault = self.faults.meet("POST", method)
        response = None if fault is None or fault.after else await _strike(fault, request)
        if response is None:
            response = self._answer(method, args, token)
            if fault is not None and fault.after:
                response = await _strike(fault, request) or response
        record.status = response.status
        record.error = _error(response)
        self.world.changes.announce()
        return response

    def _answer(self, method: str, args: Json, token: str) -> web.Response:
        if self.judge is not None:
            sent = {} if method in WITHOUT_TOKEN else {"token": token}
            self.violations += self.judge.violations(method, sent | args)
        caller = self.world.by_token(token)
        headers = _scopes(method, caller)
        try:
            self._authorize(method, token, caller)
            wait = self.limits.admit(*_counted(method, args, caller))
            if wait is not None:
                headers["Retry-After"] = str(wait)
                limited = ApiError("ratelimited").body()
                return web.json_response(limited, status=429, headers=headers)
            body = self._act(Call(method, args, token, self.world, caller))
        except ApiError as error:
            body = error.body()
        except Exception as error:
            self.misstatements.append(f"{method}: {error!r}")
            raise
        if self.judge is not None:
            self.misstatements += self.judge.misstatements(method, body)
        return web.json_response(body, headers=headers)

    def _act(self, call: Call) -> Json:
        handler: Callable[[Call], Json] = self.answers[call.method]
        try:
            if call.method in METHODS:
                call.need(METHODS[call.method])
            return {"ok": True} | handler(call)
        except ApiError as error:
            needed = error.more.get("needed")
            if needed and needed not in self.world.app.scopes:
                self.violations.append(f"{call.method}: the app never asked for {needed}")
            raise
        finally:
            self.violations += [f"{call.method}: {complaint}" for complaint in call.complaints]

    def _authorize(self, method: str, token: str, caller: Workspace | None) -> None:
        if method not in self.answers:
            self.violations.append(f"{method}: not known to this server")
            raise ApiError("unknown_method")
        if method in WITHOUT_TOKEN:
            return
        if not token:
            raise ApiError("not_authed")
        app_level = token == self.world.app.app_token
        if app_level != (method in APP_LEVEL) and (app_level or caller):
            raise ApiError("not_allowed_token_type")
        if not app_level and caller is None:
            raise ApiError("invalid_auth")
        if caller is not None and not caller.installed:
            raise ApiError("token_revoked")


def _error(response: web.Response) -> str:
    """Slack's word for what went wrong; an answer that a fault has garbled holds none."""
    try:
        return str(json.loads(response.text or "{}").get("error", ""))
    except ValueError:
        return ""


def _counted(method: str, args: Json, caller: Workspace | None) -> tuple[str, str, str]:
    channel = args.get("channel") or args.get("channel_id") or ""
    return caller.id if caller else "", method, str(channel)


def _scopes(method: str, caller: Workspace | None) -> dict[str, str]:
    if caller is None or not caller.installed:
        return {}
    return {
        "X-OAuth-Scopes": ",".join(sorted(caller.scopes)),
        "X-Accepted-OAuth-Scopes": METHODS.get(method, ""),
    }


async def _arguments(request: web.Request) -> Json:
    """Everything the client sent, from wherever Slack takes it."""
    args: Json = dict(request.query)
    if request.content_type == "application/json":
        args |= await request.json()
    else:
        args |= dict(await request.post())
    for name in JSON_TEXT:
        if isinstance(args.get(name), str):
            args[name] = _unpacked(args[name])
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme == "Bearer":
        args["token"] = secret
    elif scheme == "Basic":
        credentials = BasicAuth.decode(f"Basic {secret}")
        args |= {"client_id": credentials.login, "client_secret": credentials.password}
    return args


def _unpacked(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


async def _strike(fault: Fault, request: web.Request) -> web.Response | None:
    await fault.pause()
    if fault.reset:
        reset(request)
        return web.json_response({}, status=499)
    if fault.body is not None:
        return web.Response(text=fault.body, status=fault.status or 200, content_type=fault.kind)
    if fault.error:
        return web.json_response(ApiError(fault.error).body())
    if fault.status is None:
        return None
    limited = fault.status == 429
    error = ApiError("ratelimited" if limited else "internal_error")
    headers = {"Retry-After": f"{fault.wait or 1:g}"} if limited else {}
    return web.json_response(error.body(), status=fault.status, headers=headers)
