"""The server: the hub's API for models, and the storage that it redirects large files to."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from aiohttp import web

from tests.loopback.faults import Fault, Faults, reset
from tests.loopback.hub.repository import LARGE, Repository, tag

CHUNK = 16 * 1024


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    range: str
    token: str


class HubServer:
    """Use it as an async context manager; `url` is for HF_ENDPOINT, `tokens` name accounts.

    `faults` fit paths. `cut` makes the storage break off, `stall` makes it wait in the middle.
    """

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.tokens: dict[str, str] = {}
        self.requests: list[Asked] = []
        self.faults = Faults()
        self._breaks: list[int] = []
        self._stalls: list[tuple[int, Fault]] = []
        self._port = 0
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def add(self, repository: Repository) -> Repository:
        self.repositories[repository.name] = repository
        return repository

    def cut(self, after: int) -> None:
        """The next file that is larger breaks off after so many bytes."""
        self._breaks.append(after)

    def stall(self, after: int) -> Fault:
        """The next file that is larger waits after so many bytes."""
        fault = Fault("GET", "", held=True)
        self._stalls.append((after, fault))
        return fault

    def fetched(self, ending: str = "") -> list[Asked]:
        """What was transferred of files whose names end so."""
        return [
            asked
            for asked in self.requests
            if asked.method == "GET" and "/api/" not in asked.path and asked.path.endswith(ending)
        ]

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[self._watch])
        app.router.add_get("/api/models/{owner}/{model}", self._info)
        app.router.add_get("/api/models/{owner}/{model}/revision/{revision:[^?]+}", self._info)
        app.router.add_get("/api/models/{owner}/{model}/tree/{revision}", self._tree)
        app.router.add_get("/{owner}/{model}/resolve/{revision}/{file:.+}", self._resolve)
        app.router.add_get("/storage/{sha}/{file}", self._storage)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        with socket.socket() as line:  # both names of this machine must lead here
            line.bind(("127.0.0.1", 0))
            self._port = line.getsockname()[1]
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.faults.clear()
        for _, fault in self._stalls:
            fault.release()
        assert self._runner is not None
        await self._runner.cleanup()

    @web.middleware
    async def _watch(self, request: web.Request, handler: object) -> web.StreamResponse:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        asked = Asked(request.method, request.path, request.headers.get("Range", ""), token)
        self.requests.append(asked)
        if fault := self.faults.meet(request.method, request.path):
            await fault.pause()
            if fault.reset:
                reset(request)
                return web.Response()
            if fault.status:
                return refused(fault.status, "", fault.error or "Internal Error")
        assert callable(handler)
        answer = await handler(request)
        assert isinstance(answer, web.StreamResponse)
        return answer

    async def _info(self, request: web.Request) -> web.Response:
        found = self._find(request, reading=False)
        if isinstance(found, web.Response):
            return found
        repository, commit = found
        return web.json_response(repository.info(commit, blobs=bool(request.query.get("blobs"))))

    async def _tree(self, request: web.Request) -> web.Response:
        found = self._find(request, reading=False)
        if isinstance(found, web.Response):
            return found
        repository, commit = found
        return web.json_response(repository.tree(commit))

    async def _resolve(self, request: web.Request) -> web.StreamResponse:
        found = self._find(request, reading=True)
        if isinstance(found, web.Response):
            return found
        repository, commit = found
        name = request.match_info["file"]
        data = repository.commits[commit].get(name)
        if data is None:
            return refused(404, "EntryNotFound", "Entry not found")
        etag = f'"{tag(name, data)}"'
        headers = {"X-Repo-Commit": commit, "Accept-Ranges": "bytes", "ETag": etag}
        if not name.endswith(LARGE):
            return web.Response(body=data, headers=headers)
        headers |= {"X-Linked-ETag": etag, "X-Linked-Size": str(len(data))}
        where = f"http://localhost:{self._port}/storage/{tag(name, data)}/{name}"
        return web.Response(status=302, headers=headers | {"Location": where})

    async def _storage(self, request: web.Request) -> web.StreamResponse:
        if "Authorization" in request.headers:  # as the true one does: its address is signed
            return web.Response(status=400, text="Only one auth mechanism allowed")
        sha = request.match_info["sha"]
        every = (data for each in self.repositories.values() for data in each.commits.values())
        files = (pair for commit in every for pair in commit.items())
        data = next(data for name, data in files if tag(name, data) == sha)
        start = int((re.match(r"bytes=(\d+)-", request.headers.get("Range", "")) or "00")[1])
        answer = web.StreamResponse(status=206 if start else 200)
        answer.content_length = len(data) - start
        if start:
            answer.headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        await answer.prepare(request)
        await self._send(request, answer, data[start:])
        return answer

    async def _send(self, request: web.Request, answer: web.StreamResponse, data: bytes) -> None:
        broken = next((after for after in self._breaks if after < len(data)), None)
        if broken is not None:
            self._breaks.remove(broken)
        after, fault = next((pair for pair in self._stalls if pair[0] < len(data)), (None, None))
        if after is not None and fault is not None:
            self._stalls.remove((after, fault))
        for start in range(0, len(data), CHUNK):
            if fault is not None and after is not None and start >= after:
                await fault.pause()
            if broken is not None and start >= broken:
                reset(request)
                return
            await answer.write(data[start : start + CHUNK])
        await answer.write_eof()

    def _find(
        self, request: web.Request, *, reading: bool
    ) -> tuple[Repository, str] | web.Response:
        name = f"{request.match_info['owner']}/{request.match_info['model']}"
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token and token not in self.tokens:
            return refused(401, "", "Invalid credentials in Authorization header")
        account = self.tokens.get(token, "")
        repository = self.repositories.get(name)
        if repository is None or (repository.private and account not in repository.readers):
            status, words = (404, "Repository not found") if token else (401, "Invalid username")
            return refused(status, "RepoNotFound" if token else "", words)
        if repository.gated and reading and account not in repository.readers:
            words = f"Access to model {name} is restricted."
            return refused(403 if account else 401, "GatedRepo", words)
        commit = repository.resolve(request.match_info.get("revision", "main"))
        if commit is None:
            return refused(404, "RevisionNotFound", "Invalid rev id")
        return repository, commit


def refused(status: int, code: str, words: str) -> web.Response:
    """A refusal as the hub words it: in its headers."""
    headers = {"X-Error-Message": words} | ({"X-Error-Code": code} if code else {})
    return web.json_response({"error": words}, status=status, headers=headers)
