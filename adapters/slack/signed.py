"""Slack's signature on what it posts: checked before anything is read, and good for one use."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Mapping

from slack_sdk.signature import Clock, SignatureVerifier

from adapters.slack.recent import Recent

VALID = 300.0
"""Seconds for which Slack's signatures count, before and after their time."""
MOST_REMEMBERED = 100_000

TIMESTAMP, SIGNATURE = "X-Slack-Request-Timestamp", "X-Slack-Signature"


class Signed:
    """Knows which requests Slack has signed just now, and which of them have been handled."""

    def __init__(self, secret: str, *, clock: Callable[[], float] = time.time) -> None:
        self._verifier = SignatureVerifier(secret, _At(clock))
        self._clock = clock
        # A signature is looked at until it is too old, whatever lies between two clocks.
        self._handled: Recent[str, bool] = Recent(MOST_REMEMBERED, 2 * VALID, clock=clock)

    def holds(self, body: bytes, headers: Mapping[str, str]) -> bool:
        """Whether the signature is Slack's, of this body, and young."""
        stamp, signature = headers.get(TIMESTAMP, ""), headers.get(SIGNATURE, "")
        if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 12 and signature.isascii()):
            return False
        try:
            return self._verifier.is_valid(body, stamp, signature)
        except UnicodeDecodeError:
            return False

    def off(self, body: bytes, headers: Mapping[str, str]) -> float:
        """Seconds by which our clock is ahead of a signature that is Slack's, but not of now."""
        stamp, signature = headers.get(TIMESTAMP, ""), headers.get(SIGNATURE, "")
        if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 12 and signature.isascii()):
            return 0.0
        apart = self._clock() - int(stamp)
        try:
            expected = self._verifier.generate_signature(timestamp=stamp, body=body) or ""
        except UnicodeDecodeError:
            return 0.0
        known = hmac.compare_digest(expected, signature)
        return apart if known and abs(apart) > VALID else 0.0

    def again(self, headers: Mapping[str, str]) -> bool:
        """Whether this very request was handled before. Slack signs a retry anew."""
        return headers.get(SIGNATURE, "") in self._handled

    def note(self, headers: Mapping[str, str]) -> None:
        """It was handled, or is about to be."""
        self._handled.put(headers.get(SIGNATURE, ""), True)

    def forget(self, headers: Mapping[str, str]) -> None:
        """It could not be handled, and may come again."""
        self._handled.drop(headers.get(SIGNATURE, ""))


class _At(Clock):
    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock

    def now(self) -> float:
        return self._clock()
