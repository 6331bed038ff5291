"""Files: text that people attach, read from Slack's own servers; and files for one person alone."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import aiohttp
import structlog
from yarl import URL

from adapters.slack.api import Api
from adapters.slack.budget import DIRECT, FILE, SHARE, UPLOAD
from adapters.slack.recent import Recent
from adapters.slack.workspaces import Workspace
from bot import plain
from bot.control.response import File
from bot.errors import PlatformError, Refused

log = structlog.get_logger(__name__)

MOST_BYTES = 100_000
MOST_FILES = 4
PATIENCE = 1.5
"""Seconds; an event has to be acknowledged within three."""
ORIGIN = "https://files.slack.com"
MEDIA = ("image/", "audio/", "video/", "font/", "application/pdf", "application/zip")
REMEMBERED = 600.0
MOST_REMEMBERED = 64

FileInfo = Mapping[str, Any]


class Files:
    """Reads and sends files. Tokens go to Slack's file server, and to `origin`, nowhere else."""

    def __init__(self, api: Api, origin: str | None = None) -> None:
        self._api = api
        own = [] if origin is None else [str(URL(origin).origin())]
        self._origins: Collection[str] = frozenset([ORIGIN, *own])
        # A mention comes as two events.
        self._texts: Recent[tuple[str, str], str] = Recent(MOST_REMEMBERED, REMEMBERED)

    async def read(
        self, workspace: Workspace, files: Iterable[FileInfo]
    ) -> tuple[list[str], list[str]]:
        """The text files as blocks with their names, and the names of those that were not read."""
        given = list(files)
        found = await asyncio.gather(*(self._block(workspace, each) for each in given[:MOST_FILES]))
        blocks = [block for block in found if block is not None]
        pairs = zip(given, [*found, *[None] * len(given)], strict=False)
        return blocks, [name_of(file) for file, block in pairs if block is None]

    async def text(self, workspace: Workspace, file: FileInfo) -> str:
        """What a file says. Refused if it is no text or too large, PlatformError on failure."""
        key = (workspace.key, str(file.get("id") or ""))
        if known := self._texts.get(key):
            return known
        content = await self._fetch(workspace, file)
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise Refused(f"{name_of(file)} is not UTF-8") from error
        if "\0" in text:
            raise Refused(f"{name_of(file)} is not text")
        self._texts.put(key, text)
        return text

    def forget(self, workspace: Workspace, ids: Iterable[str]) -> None:
        """What these files said is not to be read any more."""
        for each in ids:
            self._texts.drop((workspace.key, each))

    async def send(self, workspace: Workspace, user: str, file: File) -> None:
        """Bring a file into the direct messages of one person. PlatformError."""
        call = self._api.call
        described = {"filename": file.name, "length": len(file.content)}
        place = await call(workspace, UPLOAD, described)
        direct = await call(workspace, DIRECT, {"users": user})
        await self._put(workspace, str(place["upload_url"]), file)
        arguments = {
            "files": [{"id": place["file_id"], "title": file.name}],
            "channel_id": direct["channel"]["id"],
        }
        await call(workspace, SHARE, arguments)

    async def _block(self, workspace: Workspace, file: FileInfo) -> str | None:
        try:
            async with asyncio.timeout(PATIENCE):
                whole = await self._whole(workspace, file)
                return plain.file_block(name_of(whole), await self.text(workspace, whole))
        except (Refused, PlatformError, TimeoutError) as error:
            log.info("slack.file_not_read", file=name_of(file), reason=str(error))
            return None

    async def _whole(self, workspace: Workspace, file: FileInfo) -> FileInfo:
        """The file with all that Slack knows of it; some events name nothing but its id."""
        if file.get("url_private") or not file.get("id"):
            return file
        answer = await self._api.call(workspace, FILE, {"file": file["id"]}, patient=False)
        found: FileInfo = answer["file"]
        return found

    async def _fetch(self, workspace: Workspace, file: FileInfo) -> bytes:
        name, url = name_of(file), str(file.get("url_private") or "")
        if str(file.get("mimetype") or "").startswith(MEDIA):
            raise Refused(f"{name} is not text")
        if int(file.get("size") or 0) > MOST_BYTES:
            raise Refused(f"{name} is too large")
        if not self._trusted(url):
            raise Refused(f"{name} lies outside of Slack")
        headers = {"Authorization": f"Bearer {workspace.client.token}"}
        try:
            get = _session(workspace).get(url, headers=headers, allow_redirects=False)
            async with asyncio.timeout(PATIENCE), get as answer:
                # Without the scope Slack answers with the page of a login.
                if answer.status != 200 or _is_page(answer, file):
                    raise PlatformError(f"{name}: Slack answered {answer.status}")
                content = await answer.content.read(MOST_BYTES + 1)
                while len(content) <= MOST_BYTES and (
                    more := await answer.content.read(MOST_BYTES)
                ):
                    content += more
        except (aiohttp.ClientError, OSError) as error:
            raise PlatformError(f"{name} could not be fetched: {error!r}") from error
        if len(content) > MOST_BYTES:
            raise Refused(f"{name} is too large")
        return content

    def _trusted(self, url: str) -> bool:
        try:
            return str(URL(url).origin()) in self._origins
        except ValueError:
            return False

    async def _put(self, workspace: Workspace, url: str, file: File) -> None:
        if not self._trusted(url):
            raise PlatformError(f"{file.name}: Slack wants it outside of Slack")
        try:
            async with _session(workspace).post(url, data=file.content) as answer:
                if answer.status != 200:
                    raise PlatformError(f"{file.name}: Slack answered {answer.status}")
        except (aiohttp.ClientError, OSError) as error:
            raise PlatformError(f"{file.name} could not be sent: {error!r}") from error


def name_of(file: FileInfo) -> str:
    """What a file is called."""
    return plain.file_name(str(file.get("name") or file.get("title") or file.get("id") or "?"))


def _is_page(answer: aiohttp.ClientResponse, file: FileInfo) -> bool:
    page = answer.content_type == "text/html"
    return page and "html" not in str(file.get("mimetype") or "")


def _session(workspace: Workspace) -> aiohttp.ClientSession:
    session = workspace.client.session
    if session is None:
        raise PlatformError("not signed in")
    return session
