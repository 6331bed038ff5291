"""Who installed the Slack app by OAuth: the Slack SDK's stores on our database.

The only file here that knows the SDK; it is imported where Slack is wanted. Tokens are sealed
before they are kept, and opened when they are found.
"""

from __future__ import annotations

import asyncio
import copy
from datetime import UTC, datetime
from logging import Logger, getLogger
from typing import TypeVar

from slack_sdk.oauth.installation_store.async_installation_store import AsyncInstallationStore
from slack_sdk.oauth.installation_store.models.bot import Bot
from slack_sdk.oauth.installation_store.models.installation import Installation
from slack_sdk.oauth.installation_store.sqlalchemy import AsyncSQLAlchemyInstallationStore
from slack_sdk.oauth.state_store.async_state_store import AsyncOAuthStateStore
from slack_sdk.oauth.state_store.sqlalchemy import AsyncSQLAlchemyOAuthStateStore
from sqlalchemy import delete, select, update
from sqlalchemy.engine import Connection

from storage.database import Database
from storage.seals import Seals
from storage.slack_tables import slack_bots, slack_installations, slack_oauth_states

KEPT = TypeVar("KEPT", Bot, Installation)
TOKENS = ("bot_token", "bot_refresh_token", "user_token", "user_refresh_token")
WEBHOOKS = ("incoming_webhook_url", "incoming_webhook_configuration_url")
"""Of no use to us, and whoever has the first can write with it."""
STATE_SECONDS = 600
"""How long somebody may take between opening the install page and agreeing."""


class SlackInstallations:
    """The two stores that slack_bolt's OAuth settings take. Use it with bot tokens alone."""

    def __init__(self, database: Database, client_id: str, seals: Seals) -> None:
        self.installations: AsyncInstallationStore = _Installations(database, client_id, seals)
        self.states: AsyncOAuthStateStore = _States(database)

    async def forget(self, *, enterprise_id: str | None, team_id: str | None) -> None:
        """Delete all tokens of a workspace, or of an organisation where `team_id` is None."""
        await self.installations.async_delete_all(enterprise_id=enterprise_id, team_id=team_id)


class _Installations(AsyncInstallationStore):
    """The SDK's store; every call is whole and fails with StorageError."""

    def __init__(self, database: Database, client_id: str, seals: Seals) -> None:
        self._database = database
        self._store = AsyncSQLAlchemyInstallationStore(client_id, database.engine)
        self._seals = seals
        self._all_newest = False
        self._one_at_a_time = asyncio.Lock()

    @property
    def logger(self) -> Logger:
        return self._store.logger

    async def async_save(self, installation: Installation) -> None:
        await self._database.guard(self._store.async_save(self._sealed(installation)))

    async def async_save_bot(self, bot: Bot) -> None:
        await self._database.guard(self._store.async_save_bot(self._sealed(bot)))

    async def async_find_bot(
        self,
        *,
        enterprise_id: str | None,
        team_id: str | None,
        is_enterprise_install: bool | None = False,
    ) -> Bot | None:
        await self._reseal()
        found = await self._database.guard(
            self._store.async_find_bot(
                enterprise_id=enterprise_id,
                team_id=team_id,
                is_enterprise_install=is_enterprise_install,
            )
        )
        return self._opened(found) if found else None

    async def async_find_installation(
        self,
        *,
        enterprise_id: str | None,
        team_id: str | None,
        user_id: str | None = None,
        is_enterprise_install: bool | None = False,
    ) -> Installation | None:
        await self._reseal()
        found = await self._database.guard(
            self._store.async_find_installation(
                enterprise_id=enterprise_id,
                team_id=team_id,
                user_id=user_id,
                is_enterprise_install=is_enterprise_install,
            )
        )
        return self._opened(found) if found else None

    async def async_delete_bot(self, *, enterprise_id: str | None, team_id: str | None) -> None:
        await self._database.guard(
            self._store.async_delete_bot(enterprise_id=enterprise_id, team_id=team_id)
        )

    async def async_delete_installation(
        self, *, enterprise_id: str | None, team_id: str | None, user_id: str | None = None
    ) -> None:
        await self._database.guard(
            self._store.async_delete_installation(
                enterprise_id=enterprise_id, team_id=team_id, user_id=user_id
            )
        )

    def _sealed(self, given: KEPT) -> KEPT:
        made = copy.copy(given)
        for name in TOKENS:
            if hasattr(made, name):
                setattr(made, name, self._seals.seal(getattr(made, name)))
        for name in WEBHOOKS:
            if hasattr(made, name):
                setattr(made, name, None)
        return made

    def _opened(self, found: KEPT) -> KEPT:
        for name in TOKENS:
            if hasattr(found, name):
                setattr(found, name, self._seals.open(getattr(found, name)))
        return found

    async def _reseal(self) -> None:
        """Once: seal with the newest key what was kept as it is, or with an earlier one."""
        async with self._one_at_a_time:
            if not self._all_newest:
                await self._database.write(self._seal_anew)
                self._all_newest = True

    def _seal_anew(self, connection: Connection) -> None:
        for table in (slack_bots, slack_installations):
            columns = [table.c[name] for name in TOKENS if name in table.c]
            for row in connection.execute(select(table.c.id, *columns)).mappings().all():
                old = [c.name for c in columns if not self._seals.is_newest(row[c.name])]
                if old:
                    new = {name: self._seals.seal(self._seals.open(row[name])) for name in old}
                    connection.execute(update(table).where(table.c.id == row["id"]).values(new))


class _States(AsyncOAuthStateStore):
    """The SDK's store of one-time words that prove where an installation began."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._store = AsyncSQLAlchemyOAuthStateStore(STATE_SECONDS, database.engine)

    @property
    def logger(self) -> Logger:
        return getLogger(__name__)

    async def async_issue(self, *_args: object, **_kwargs: object) -> str:
        # Anybody can open the install page, and the SDK never throws away what nobody used.
        await self._database.write(_drop_expired)
        return await self._database.guard(self._store.async_issue())

    async def async_consume(self, state: str) -> bool:
        return await self._database.guard(self._store.async_consume(state))


def _drop_expired(connection: Connection) -> None:
    now = datetime.now(UTC).replace(tzinfo=None)
    connection.execute(delete(slack_oauth_states).where(slack_oauth_states.c.expire_at < now))
