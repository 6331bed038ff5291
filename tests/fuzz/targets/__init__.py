"""What is fuzzed, with how many cases of every hundred each target gets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.fuzz.draws import Draws


@dataclass(frozen=True)
class Target:
    """A promise that is tried: `work` raises if a case breaks it."""

    work: Callable[[Draws], object]
    share: int

    @property
    def name(self) -> str:
        """As it is called on the command line."""
        room = self.work.__module__.rpartition(".")[2]
        return f"{room}.{self.work.__name__}"

    @property
    def promise(self) -> str:
        """What holds for every case."""
        return (self.work.__doc__ or "").strip().splitlines()[0]


def every() -> tuple[Target, ...]:
    """All targets, by the order in which a message passes them."""
    from tests.fuzz.targets import arriving, commanding, leaving, naming, prompting

    return (
        Target(arriving.slack, 10),
        Target(arriving.discord, 10),
        Target(arriving.kept, 8),
        Target(naming.people, 12),
        Target(naming.files, 10),
        Target(naming.lists, 5),
        Target(prompting.llama2, 5),
        Target(prompting.code_llama, 3),
        Target(prompting.templates, 3),
        Target(prompting.endpoints, 6),
        Target(leaving.streams, 4),
        Target(leaving.pings, 7),
        Target(leaving.slack, 3),
        Target(leaving.discord, 3),
        Target(commanding.typed, 5),
        Target(commanding.options, 3),
        Target(commanding.presses, 3),
    )
