"""In which language people are spoken to: that of their own client, once the platform tells it."""

from __future__ import annotations

from bot.control.words import say
from tests.contract.stage import Stage


async def test_answers_come_with_buttons_in_the_persons_language(stage: Stage) -> None:
    stage.reads_in("ann", "fr")
    assert say("privacy.nothing_kept", "fr") in await stage.uses("ann", "privacy show")
    for where in (
        (await stage.mentions("ann", "bonjour"))[1],
        (await stage.writes("ann", "hé"))[1],
    ):
        await stage.offers(where, say("button.regenerate", "fr"))
    _, where = await stage.mentions("bob", "hello")
    await stage.offers(where, say("button.regenerate"))


async def test_a_language_outlasts_a_restart_and_is_forgotten_with_the_person(
    stage: Stage,
) -> None:
    stage.reads_in("ann", "fr")
    await stage.uses("ann", "help")
    await stage.restarts()
    _, where = await stage.writes("ann", "bonjour")
    await stage.offers(where, say("button.regenerate", "fr"))
    await stage.confirms("ann", "privacy delete", say("control.confirm.privacy.delete.yes", "fr"))
    assert stage.rows("SELECT locale FROM people WHERE locale IS NOT NULL") == []
