"""The hub's failures in words that say what to click and what to set."""

from __future__ import annotations

from typing import Any

from huggingface_hub import constants
from huggingface_hub.errors import (
    DisabledRepoError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from bot.errors import ConfigError

TRANSPORT: Any = HfHubHTTPError.__bases__[0]
"""HTTPError of whichever httpx the library brings along: above all that can go wrong on the way."""
BUSY = frozenset({408, 429, 500, 502, 503, 504})
"""Answers after which the same request may succeed."""

BAD_TOKEN = "Invalid credentials in Authorization header"  # noqa: S105
TOKENS = "https://huggingface.co/settings/tokens"


class Unreachable(ConfigError):
    """The hub cannot be asked at all: no network, or none allowed."""


def status_of(error: BaseException) -> int | None:
    """The HTTP status that an error carries."""
    response = getattr(error, "response", None)
    return getattr(response, "status_code", None)


def cause_of(error: BaseException) -> BaseException:
    """What the library wrapped: 'not in the cache' mostly stands for a failed request."""
    while isinstance(error, LocalEntryNotFoundError) and error.__cause__ is not None:
        error = error.__cause__
    return error


def explained(error: BaseException, name: str, revision: str | None) -> ConfigError:
    """The same failure as an error of ours."""
    error = cause_of(error)
    status = status_of(error)
    if isinstance(error, HFValidationError):
        return ConfigError(f"{name!r} is no Hugging Face name: {error}")
    if isinstance(error, (OfflineModeIsEnabled, LocalEntryNotFoundError)):
        return Unreachable(
            f"{name} is not complete on this machine, and HF_HUB_OFFLINE forbids to fetch it; "
            "unset HF_HUB_OFFLINE, or set model.name to a folder"
        )
    if isinstance(error, HfHubHTTPError):
        return _answered(error, name, revision, status or 0)
    if isinstance(error, TRANSPORT):
        return Unreachable(
            f"{name} is not on this machine and {constants.ENDPOINT} cannot be reached: "
            f"{_first_line(error)}; connect, or set model.name to a folder"
        )
    return ConfigError(f"{name} could not be saved: {_first_line(error)}")


def _answered(error: HfHubHTTPError, name: str, revision: str | None, status: int) -> ConfigError:
    if isinstance(error, GatedRepoError):
        return ConfigError(_about_licence(name, status))
    if isinstance(error, DisabledRepoError):
        return ConfigError(f"the hub has taken {name} down; choose another model")
    if isinstance(error, RevisionNotFoundError):
        return ConfigError(f"{name} has no revision {revision!r}; mend model.revision")
    token_refused = error.response.headers.get("X-Error-Message") == BAD_TOKEN
    # A stranger is told 401 for what is not there or not for them.
    if isinstance(error, RepositoryNotFoundError) or (status == 401 and not token_refused):
        return ConfigError(
            f"Hugging Face knows no model {name!r}, or it is private and HF_TOKEN is not set "
            "to a token that may read it"
        )
    if status == 401:
        return ConfigError(
            f"the hub does not know the access token; make a new one at {TOKENS} and set "
            "HF_TOKEN to it"
        )
    if status == 429:
        return ConfigError(
            "the hub asks for a pause (too many requests); try again in some minutes, or set "
            f"HF_TOKEN to a token from {TOKENS}: with one it allows more"
        )
    if status >= 500:
        return Unreachable(f"the hub is in trouble (HTTP {status}); try again later")
    return ConfigError(f"the hub refused {name} (HTTP {status}): {_first_line(error)}")


def _about_licence(name: str, status: int) -> str:
    page = f"https://huggingface.co/{name}"
    if status == 403:  # it knows who asks
        return (
            f"{name} is gated, and the account of HF_TOKEN may not read it: open {page} with that "
            "account and accept the licence there (its owner may take some hours to agree); a "
            f"fine-grained token also needs read access to gated repositories, see {TOKENS}"
        )
    return (
        f"{name} is gated: accept its licence at {page}, make an access token of kind 'Read' at "
        f"{TOKENS} and set HF_TOKEN to it"
    )


def _first_line(error: BaseException) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[0].strip() if lines else type(error).__name__
