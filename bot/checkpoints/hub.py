"""A model on the Hugging Face hub: what its name stands for now, and bringing it here."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import structlog
from huggingface_hub import HfApi, constants, hf_hub_url, snapshot_download
from huggingface_hub.errors import HFValidationError
from huggingface_hub.file_download import repo_folder_name
from huggingface_hub.utils.tqdm import disable_progress_bars
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_exponential

from bot.checkpoints.failures import BUSY, TRANSPORT, cause_of, explained, status_of
from bot.checkpoints.files import chosen
from bot.checkpoints.progress import Progress
from bot.checkpoints.resume import Large, fetch
from bot.errors import ConfigError

log = structlog.get_logger(__name__)
T = TypeVar("T")

ATTEMPTS = 5
FIRST_PAUSE = 0.5
"""Seconds before the second attempt, where the hub asks for none; each next one is twice that."""
LONGEST_PAUSE = 60.0
"""Seconds; a hub that asks for more is not waited for."""
AT_ONCE = 4
SPARE = 50_000_000
"""Bytes of disk left free."""


@dataclass(frozen=True, slots=True)
class Remote:
    """A file at the hub; `sha256` is known of large ones."""

    name: str
    size: int
    sha256: str | None

    @property
    def is_large(self) -> bool:
        """Whether it is worth resuming."""
        return self.sha256 is not None and self.name.endswith(".safetensors")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be fetched: the files of one commit. `asked` is the revision as it was given."""

    name: str
    asked: str | None
    commit: str
    files: tuple[Remote, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    @property
    def small(self) -> list[str]:
        """The files that the hub's library fetches in one go."""
        return [file.name for file in self.files if not file.is_large]


def plan(name: str, revision: str | None, *, weights: bool = True) -> Plan:
    """Ask the hub what `name` is now: one request. ConfigError says what to do about a refusal."""
    try:
        info = _patiently(
            lambda: HfApi().model_info(name, revision=revision, files_metadata=True), on_the_way=()
        )
    except (TRANSPORT, OSError, HFValidationError) as error:
        raise explained(error, name, revision) from error
    names = [file.rfilename for file in info.siblings or []]
    wanted = set(chosen(names, weights=weights))
    if weights and not any(file.endswith(".safetensors") for file in wanted):
        raise ConfigError(_about_pickles(name, names))
    files = tuple(
        Remote(file.rfilename, file.size or 0, file.lfs.sha256 if file.lfs else None)
        for file in info.siblings or []
        if file.rfilename in wanted
    )
    return Plan(name, revision, str(info.sha), files)


def download(what: Plan, progress: Progress, *, destination: Path | None = None) -> Path:
    """Bring the files into the hub's cache, or into a folder of their own; returns the folder.

    What is there already is not fetched again, and a file that was cut off goes on.
    """
    disable_progress_bars()
    large = [_large(what, file, destination) for file in what.files if file.is_large]
    folder = destination or Path(constants.HF_HUB_CACHE)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _check_room(what, large, folder)
        progress.begin(what.size)
        _library(what, what.small, what.commit, destination)
        progress.advance(what.size - sum(file.size for file in large))
        _all(large, progress)
        if destination is not None:
            return destination
        # The cache notes what a branch stands for if it is asked for the branch by name.
        return _library(what, [file.name for file in what.files], what.asked, None)
    except (TRANSPORT, OSError) as error:
        raise explained(error, what.name, what.asked) from error


def _library(what: Plan, names: list[str], revision: str | None, destination: Path | None) -> Path:
    """Let the hub's library fetch these files, or only link those that are in its cache."""
    return Path(
        _patiently(
            lambda: snapshot_download(
                what.name, revision=revision, allow_patterns=names, local_dir=destination
            )
        )
    )


def _large(what: Plan, file: Remote, destination: Path | None) -> Large:
    """Where a file goes; in the cache, as the hub's library names it there."""
    sha256 = file.sha256 or ""
    cache, folder = (
        Path(constants.HF_HUB_CACHE),
        repo_folder_name(repo_id=what.name, repo_type="model"),
    )
    if destination is None:
        blobs, lock = cache / folder / "blobs", cache / ".locks" / folder / f"{sha256}.lock"
        target, part = blobs / sha256, blobs / f"{sha256}.incomplete"
    else:
        growing = destination / ".cache" / "huggingface" / "download"
        target, lock = destination / file.name, growing / f"{file.name}.lock"
        part = growing / f"{file.name}.{sha256}.incomplete"
    url = hf_hub_url(what.name, file.name, revision=what.commit)
    return Large(url, file.size, sha256, target, part, lock)


def _all(files: Sequence[Large], progress: Progress) -> None:
    """Several at once. When one fails or the wait is interrupted, the others stop, too."""
    stopped = threading.Event()

    def advance(size: int) -> None:
        if stopped.is_set():
            raise InterruptedError("another file failed")
        progress.advance(size)

    def one(file: Large) -> None:
        _patiently(lambda: fetch(file, advance))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            for done in as_completed([pool.submit(one, file) for file in files]):
                done.result()
        except BaseException:
            stopped.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _check_room(what: Plan, large: Sequence[Large], folder: Path) -> None:
    need = what.size - sum(file.there for file in large) + SPARE
    free = shutil.disk_usage(folder).free
    if need > free:
        raise ConfigError(
            f"{what.name} needs {need / 1e9:.1f} GB more and {folder} has {free / 1e9:.1f} GB "
            "free; make room, or set HF_HOME or --dest to a folder on a larger disk"
        )


def _patiently(request: Callable[[], T], on_the_way: Any = (TRANSPORT,)) -> T:
    """Repeat a request while the hub is busy, or the connection breaks `on_the_way`."""

    def passing(error: BaseException) -> bool:
        error = cause_of(error)
        status = status_of(error)
        return status in BUSY if status is not None else isinstance(error, on_the_way)

    return Retrying(
        stop=stop_after_attempt(ATTEMPTS),
        wait=_pause,
        retry=retry_if_exception(passing),
        before_sleep=_mention,
        reraise=True,
    )(request)


def _pause(state: RetryCallState) -> float:
    """As long as the hub asks for, else a little longer each time."""
    error = state.outcome.exception() if state.outcome else None
    response = getattr(cause_of(error), "response", None) if error else None
    asked = str(getattr(response, "headers", {}).get("retry-after", ""))
    if asked.isdigit():
        return min(float(asked), LONGEST_PAUSE)
    return wait_exponential(multiplier=FIRST_PAUSE, max=8)(state)


def _mention(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log.warning(
        "hub_busy",
        status=status_of(cause_of(error)) if error else None,
        seconds=round(state.upcoming_sleep, 1),
        attempt=state.attempt_number,
    )


def _about_pickles(name: str, names: list[str]) -> str:
    if any(file.endswith((".bin", ".pth", ".pt")) for file in names):
        return (
            f"{name} holds its weights in pickle files only, which can run code and are not "
            "loaded; choose a repository or revision with *.safetensors"
        )
    if any(file.endswith(".gguf") for file in names):
        return f"{name} holds GGUF files only; choose the repository that they were made from"
    return f"{name} holds no weights (*.safetensors), so it is not a model"
