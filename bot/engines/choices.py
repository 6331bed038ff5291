"""What answers are made with where nobody can choose: what is configured."""

from __future__ import annotations

from bot.values import Choice, Place


class ConfiguredChoices:
    """Implements the Choices port: the default model, as it is configured, for every Place."""

    async def choice(self, place: Place) -> Choice:  # noqa: ARG002
        """The same for all."""
        return Choice()
