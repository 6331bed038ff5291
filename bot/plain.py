"""What people wrote and what they call themselves and their files, made safe to store and to show.

Every name and text goes through here once, where it comes in; names also where they are shown.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from functools import lru_cache

import regex

from bot.values import Author

LONGEST = 80
"""Characters, as people count them, of a name."""
LONGEST_FILE = 100
MOST_READ = 1024
"""Characters of a name that are looked at, so that a huge one costs no time."""
MOST_IN_CLUSTER = 12
"""Characters that one may consist of: a family of four takes eleven."""

USUAL_FENCE = 8

_BREAKS = regex.compile(r"\r\n?|[\v\f\x1c-\x1e\x85\u2028\u2029]")
_UNKEPT = regex.compile(r"[\0\ud800-\udfff]")
"""What a database or a tokenizer cannot take."""
_GAPS = regex.compile(r"[\s\p{Cc}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\u2800]+")
_UNSEEN = regex.compile(
    r"(?<!\p{Extended_Pictographic}[\ufe0f\p{Emoji_Modifier}]?)\u200d"
    r"|\u200d(?!\p{Extended_Pictographic})|[\p{Cf}\p{Default_Ignorable_Code_Point}--\u200d]",
    regex.V1,
)
"""What is not seen but changes how others are: marks of direction, joiners, tags, fillers.

The joiner within an emoji stays.
"""
_FLOOD = regex.compile(r"(\p{M}{3})\p{M}+")
_CALM = regex.compile(r"[\p{L}\p{M}\p{Nd}\p{Extended_Pictographic}\u200d .,'’()-]*")
_WORDS = regex.compile(r"[\p{L}\p{M}\p{Nd}.'’-]+( [\p{L}\p{M}\p{Nd}.'’-]+)?")
_ENDING = regex.compile(r"\.([A-Za-z0-9]{1,16})$")
_QUOTES = regex.compile('[“”„"]')
_FROM_RIGHT = regex.compile(r"[\p{Bidi_Class=R}\p{Bidi_Class=AL}]")
_LOOKALIKES = str.maketrans(
    "аеорсухіјѕԁһԛԝӏαορνικτυχ",
    "aeopcyxijsdhqwlaopviktux",
)
"""Small Cyrillic and Greek letters, and the Latin ones that nobody can tell them from."""


def text(written: str) -> str:
    """A text that can be stored, where every new line is `\\n`; the rest is as it was written."""
    broken = _BREAKS.sub("\n", written)
    return _UNKEPT.sub("\ufffd", broken)


def is_seen(written: str) -> bool:
    """Whether people see anything of a text."""
    return bool(_UNSEEN.sub("", _GAPS.sub("", written)))


def name(given: str, most: int = LONGEST) -> str:
    """A name in one line with nothing in it that is not seen, not long, no flood of accents.

    Empty if nothing is left.
    """
    seen = _UNSEEN.sub("", _GAPS.sub(" ", given[:MOST_READ]))
    calm = _FLOOD.sub(r"\1", unicodedata.normalize("NFC", _FLOOD.sub(r"\1", seen)))
    clusters = regex.findall(r"\X", " ".join(calm.split()))
    return "".join(cluster[:MOST_IN_CLUSTER] for cluster in clusters[:most]).strip()


def author(given: Author) -> Author:
    """Somebody with a name that can be kept and shown; their id where nothing of it is left."""
    return replace(given, name=name(given.name) or name(given.id))


def file_name(given: str) -> str:
    """What a file is called, without folders; of a long name the end stays, which says its kind."""
    last = regex.split(r"[/\\]", given[-MOST_READ:])[-1]
    whole = name(last, MOST_READ)
    clusters = regex.findall(r"\X", whole)
    if len(clusters) > LONGEST_FILE:
        half = LONGEST_FILE // 2
        whole = "".join(clusters[:half]) + "…" + "".join(clusters[-half:])
    return whole or "?"


def shown(given: str) -> str:
    """A name within Markdown for people: nothing in it is markup, and it turns no text around."""
    plain = name(given)
    if not _CALM.fullmatch(plain):
        plain = "`" + plain.replace("`", "'") + "`"
    # FIRST STRONG ISOLATE … POP DIRECTIONAL ISOLATE
    return f"\u2068{plain}\u2069" if _FROM_RIGHT.search(plain) else plain


def quoted(given: str) -> str:
    """A name for a sentence that the model obeys: one that is not just a word or two is quoted."""
    if _WORDS.fullmatch(given):
        return given
    return "“" + _QUOTES.sub("'", given) + "”"


@lru_cache(4096)
def likeness(given: str) -> str:
    """The same for names that look the same."""
    folded = unicodedata.normalize("NFKC", name(given)).casefold()
    return "".join(folded.translate(_LOOKALIKES).split())


def file_block(called: str, content: str) -> str:
    """A file's name and its text in a fence that nothing within can close."""
    ending = _ENDING.search(called)
    fence = _longer_run("`", content)
    if len(fence) > USUAL_FENCE:
        fence = min(fence, _longer_run("~", content), key=len)
    newline = "" if content.endswith("\n") else "\n"
    return f"{called}:\n{fence}{ending[1].lower() if ending else ''}\n{content}{newline}{fence}"


def _longer_run(mark: str, content: str) -> str:
    """More of these marks in a row than the text has anywhere, and three at least."""
    longest = max(map(len, regex.findall(rf"{mark}{{3,}}", content)), default=2)
    return mark * (longest + 1)


def without_mention(text: str, mention: str, name: str) -> str:
    """Take the bot's mention off both ends; within a sentence it becomes `@` and the bot's name.

    `mention` is a regular expression for how the platform writes it, which matches no space at its
    ends. Takes time in proportion to the text, however often the bot is mentioned.
    """
    text = text.strip()
    if begun := re.match(rf"(?:{mention}(?:[,:](?=\s|$))?\s*)+", text):
        text = text[begun.end() :]
    end = len(text)
    for found in reversed(list(re.finditer(mention, text))):
        if text[found.end() : end].strip():
            break
        end = found.start()
    return re.sub(mention, lambda _: f"@{name}", text[:end].rstrip())
