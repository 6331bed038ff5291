"""Files that people get, made to fit what Discord takes of one file."""

from __future__ import annotations

import gzip

from bot.control.response import File
from bot.control.words import say


def fitting(file: File, most: int) -> list[File]:
    """The file; packed if it holds more bytes than this, and that in parts if need be.

    The parts put together in the order of their names are the packed file.
    """
    if len(file.content) <= most:
        return [file]
    packed = gzip.compress(file.content)
    if len(packed) <= most:
        return [File(f"{file.name}.gz", packed)]
    starts = range(0, len(packed), most)
    return [
        File(f"{file.name}.gz.{number:03}", packed[start : start + most])
        for number, start in enumerate(starts, 1)
    ]


def too_large(file: File, parts: int, locale: str) -> str:
    """What is to be said of a file that was too large for Discord."""
    if parts == 1:
        return say("discord.file_packed", locale, name=file.name)
    return say("discord.file_in_parts", locale, name=file.name, count=parts)
