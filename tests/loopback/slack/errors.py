"""The errors of the Web API: one word each, in an answer that is otherwise a success."""

from __future__ import annotations

from typing import Any

EVERYWHERE = frozenset(
    {
        "account_inactive",
        "internal_error",
        "invalid_arguments",
        "invalid_auth",
        "missing_scope",
        "not_allowed_token_type",
        "not_authed",
        "ratelimited",
        "token_revoked",
        "unknown_method",
    }
)
"""What every method may answer, whether or not its own page says so."""


class ApiError(Exception):
    """A call that Slack answers with an error."""

    def __init__(self, error: str, **more: Any) -> None:
        super().__init__(error)
        self.error = error
        self.more = more

    def body(self) -> dict[str, Any]:
        """What the client reads."""
        return {"ok": False, "error": self.error, **self.more}
