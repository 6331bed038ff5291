"""Text files that people attach: which are read, and how they stand in a message."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import aiohttp
import structlog
from yarl import URL

from bot import plain
from bot.errors import PlatformError, Refused

log = structlog.get_logger(__name__)

MOST_BYTES = 100_000
MOST_FILES = 4
PATIENCE = 20.0
CHUNK = 16_384
ORIGINS = ("https://cdn.discordapp.com", "https://media.discordapp.net")
_TYPES = """
ecmascript graphql javascript json ld+json sql toml typescript x-httpd-php x-ndjson x-python x-sh
x-shellscript x-tex x-yaml xhtml+xml xml yaml
"""
_EXTENSIONS = """
adoc asm bash bat c cc cfg clj cmake conf cpp cs css csv cxx dart diff dockerfile el elm env erl ex
exs fish fs go gradle graphql groovy h hpp hs htm html ini ipynb java jl js json jsonl jsx kt lisp
log lua m make md mjs ml mm nim nix org patch php pl proto ps1 py pyi r rb rkt rs rst s sass scala
scheme scm scss sh sol sql srt svelte swift tcl tex tf toml ts tsv tsx txt v vb vhdl vim vue xml
yaml yml zig zsh
"""
TEXT_TYPES = frozenset(f"application/{kind}" for kind in _TYPES.split())
EXTENSIONS = frozenset(_EXTENSIONS.split())
BARE_NAMES = frozenset({"dockerfile", "makefile", "license", "readme", "cmakelists.txt"})


@dataclass(frozen=True, slots=True)
class Attached:
    """A file as Discord describes it."""

    name: str
    url: str
    size: int
    kind: str = ""

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Attached:
        """From Discord's own description."""
        kind = str(data.get("content_type") or "")
        name = plain.file_name(str(data["filename"]))
        return cls(name, str(data["url"]), int(data["size"]), kind)

    @property
    def extension(self) -> str:
        """What the name ends in, in small letters and without the dot."""
        return PurePosixPath(self.name.lower()).suffix.removeprefix(".")

    @property
    def looks_like_text(self) -> bool:
        """Whether its type or its name says that it holds text; only its bytes can tell."""
        kind = self.kind.partition(";")[0].strip().lower()
        named = self.extension in EXTENSIONS or self.name.lower() in BARE_NAMES
        # Discord goes by the name and takes TypeScript for a film.
        return kind.startswith("text/") or kind in TEXT_TYPES or named


class NotTextError(Refused):
    """A file that is no text, whatever its name says."""


class TooLargeError(Refused):
    """A file beyond the limit."""


class Attachments:
    """Fetches files from Discord's own servers, or from `origin`, and from nowhere else."""

    def __init__(self, origin: str | None = None) -> None:
        given = [] if origin is None else [str(URL(origin).origin())]
        self._origins: Collection[str] = frozenset([*ORIGINS, *given])
        self._session: aiohttp.ClientSession | None = None

    async def text(self, file: Attached, most: int = MOST_BYTES) -> str:
        """What a file says. Refused if it is no text or too large, PlatformError on failure."""
        if file.size > most:
            raise TooLargeError(f"{file.name} has {file.size} bytes")
        if _origin(file.url) not in self._origins:
            raise Refused(f"{file.name} lies outside of Discord: {file.url}")
        content = await self._fetch(file, most)
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise NotTextError(f"{file.name} is not UTF-8") from error
        if "\0" in text:
            raise NotTextError(f"{file.name} is not text")
        return text

    async def read(self, files: Iterable[Attached]) -> tuple[str, tuple[str, ...]]:
        """The text files as blocks with their names, and the names of those that were not read."""
        blocks: list[str] = []
        declined: list[str] = []
        for file in files:
            text = None
            if file.looks_like_text and len(blocks) < MOST_FILES:
                text = await self._text_or_nothing(file)
            if text is None:
                declined.append(file.name)
            else:
                blocks.append(plain.file_block(file.name, text))
        return "\n\n".join(blocks), tuple(declined)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def _text_or_nothing(self, file: Attached) -> str | None:
        try:
            return await self.text(file)
        except (Refused, PlatformError) as error:
            log.info("discord.file_not_read", file=file.name, reason=str(error))
            return None

    async def _fetch(self, file: Attached, most: int) -> bytes:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE))
        try:
            async with self._session.get(file.url, allow_redirects=False) as answer:
                if answer.status != 200:
                    raise PlatformError(f"{file.name}: the server answered {answer.status}")
                return await _limited(answer.content, file.name, most)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise PlatformError(f"{file.name} could not be fetched: {error!r}") from error


def _origin(url: str) -> str:
    try:
        return str(URL(url).origin())
    except ValueError:
        return ""


async def _limited(stream: aiohttp.StreamReader, name: str, most: int) -> bytes:
    """The whole stream; the size that was announced is not believed."""
    content = bytearray()
    async for chunk in stream.iter_chunked(CHUNK):
        content += chunk
        if len(content) > most:
            raise TooLargeError(f"{name} has more than {most} bytes")
    return bytes(content)
