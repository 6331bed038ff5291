"""The transport compressions that discord.py asks of the gateway: one stream for a connection."""

from __future__ import annotations

import importlib
import zlib
from typing import Any, Protocol


class Compression(Protocol):
    """Packs each packet so that it can be unpacked as soon as it has arrived."""

    def pack(self, text: str) -> bytes | str: ...


class Plain:
    """No compression: packets go out as text."""

    def pack(self, text: str) -> bytes | str:
        """The text itself."""
        return text


class ZlibStream:
    """`compress=zlib-stream`."""

    def __init__(self) -> None:
        self._stream = zlib.compressobj()

    def pack(self, text: str) -> bytes | str:
        """The next piece of the stream, flushed."""
        return self._stream.compress(text.encode()) + self._stream.flush(zlib.Z_SYNC_FLUSH)


class ZstdStream:
    """`compress=zstd-stream`, which discord.py asks for where Python brings zstd (3.14)."""

    def __init__(self) -> None:
        self._stream: Any = importlib.import_module("compression.zstd").ZstdCompressor()

    def pack(self, text: str) -> bytes | str:
        """The next piece of the stream, flushed."""
        packed: bytes = self._stream.compress(text.encode(), self._stream.FLUSH_BLOCK)
        return packed


def compression(name: str | None) -> Compression:
    """What the query of a connection names."""
    kinds: dict[str | None, type[Plain | ZlibStream | ZstdStream]] = {
        None: Plain,
        "zlib-stream": ZlibStream,
        "zstd-stream": ZstdStream,
    }
    return kinds[name]()
