"""Words that a checkpoint never wants to say, by the name that transformers gives to them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


class BadWords:
    """The sequences of tokens in a checkpoint's `bad_words_ids`; none of them is ever completed.

    As in transformers' NoBadWordsLogitsProcessor the prompt's tokens count, so that an answer
    cannot complete what the prompt began. A sequence with an id that the model has not, and one
    that is nothing but an end token, is left out: it would never be said, or nothing would end.
    """

    def __init__(
        self, sequences: Iterable[Sequence[int]], *, vocab_size: int, eos_ids: frozenset[int]
    ) -> None:
        self.alone: set[int] = set()
        """Tokens that are a bad word by themselves."""
        self._lasts: dict[tuple[int, ...], list[int]] = {}
        for sequence in sequences:
            *first, last = sequence
            if not all(0 <= token < vocab_size for token in sequence):
                continue
            if first:
                self._lasts.setdefault(tuple(first), []).append(last)
            elif last not in eos_ids:
                self.alone.add(last)
        self._lengths = sorted({len(first) for first in self._lasts})

    def __bool__(self) -> bool:
        """Whether any word takes more than one token, so that it must be watched for."""
        return bool(self._lasts)

    def next(self, tokens: Sequence[int]) -> list[int]:
        """Which tokens would complete a bad word after these."""
        found: list[int] = []
        for length in self._lengths:
            if length <= len(tokens):
                found += self._lasts.get(tuple(tokens[-length:]), ())
        return found
