"""Words that the demonstration model must not put together from its pieces.

It never learned them. But where somebody's word is new to it, it may spell some other one, and a
piece is as short as a letter.
"""

from __future__ import annotations

from collections.abc import Iterator

from sentencepiece import SentencePieceProcessor

SPACE = "\N{LOWER ONE EIGHTH BLOCK}"
"""What a piece has where a word begins."""
UNSAID = (
    "asshole",
    "bastard",
    "bitch",
    "cunt",
    "faggot",
    "fuck",
    "nigga",
    "nigger",
    "pussy",
    "rapist",
    "retard",
    "shit",
    "slut",
    "whore",
)
"""Long enough to stand in no harmless word that the model is likely to need."""


def bad_words(pieces: SentencePieceProcessor) -> list[list[int]]:
    """Every way to spell them, for `bad_words_ids` in a generation_config.json."""
    known = {pieces.id_to_piece(token): token for token in range(pieces.get_piece_size())}
    forms = [form for word in UNSAID for form in (word, word.capitalize(), word.upper())]
    inside = [way for form in forms for way in _ways(form, known)]
    begun = [way for form in forms for way in _ways(f"{SPACE}{form}", known)]
    return sorted([*inside, *(way for way in begun if way[1:] not in inside)])


def _ways(word: str, known: dict[str, int]) -> Iterator[list[int]]:
    if not word:
        yield []
    for length in range(1, len(word) + 1):
        if (token := known.get(word[:length])) is not None:
            yield from ([token, *rest] for rest in _ways(word[length:], known))
