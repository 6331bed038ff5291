"""Who installed the Slack app by OAuth: the Slack SDK's stores on our database.

The only file here that knows the SDK; it is imported where Slack is wanted. Tokens are stored as
they are, so the database file is as secret as a token.
"""

from __future__ import annotations

from datetime import UTC, datetime
from logging import Logger, getLogger

from slack_sdk.oauth.installation_store.async_installation_store import AsyncInstallationStore
from slack_sdk.oauth.installation_store.models.bot import Bot
from slack_sdk.oauth.installation_store.models.installation import Installation
from slack_sdk.oauth.installation_store.sqlalchemy import AsyncSQLAlchemyInstallationStore
from slack_sdk.oauth.state_store.async_state_store import AsyncOAuthStateStore
from slack_sdk.oauth.state_store.sqlalchemy import AsyncSQLAlchemyOAuthStateStore
from sqlalchemy import delete
from sqlalchemy.engine import Connection

from storage.database import Database
from storage.tables import slack_oauth_states

STATE_SECONDS = 600
"""How long somebody may take between opening the install page and agreeing."""


class SlackInstallations:
    """The two stores that slack_bolt's OAuth settings take. Use it with bot tokens alone."""

    def __init__(self, database: Database, client_id: str) -> None:
        self.installations: AsyncInstallationStore = _Installations(database, client_id)
        self.states: AsyncOAuthStateStore = _States(database)

    async def forget(self, *, enterprise_id: str | None, team_id: str | None) -> None:
        """Delete all tokens of a workspace, or of an organisation where `team_id` is None."""
        await self.installations.async_delete_all(enterprise_id=enterprise_id, team_id=team_id)


class _Installations(AsyncInstallationStore):
    """The SDK's store; every call is whole and fails with StorageError."""

    def __init__(self, database: Database, client_id: str) -> None:
        self._database = database
        self._store = AsyncSQLAlchemyInstallationStore(client_id, database.engine)

    @property
    def logger(self) -> Logger:
        return self._store.logger

    async def async_save(self, installation: Installation) -> None:
        await self._database.guard(self._store.async_save(installation))

    async def async_save_bot(self, bot: Bot) -> None:
        await self._database.guard(self._store.async_save_bot(bot))

    async def async_find_bot(
        self,
        *,
        enterprise_id: str | None,
        team_id: str | None,
        is_enterprise_install: bool | None = False,
    ) -> Bot | None:
        return await self._database.guard(
            self._store.async_find_bot(
                enterprise_id=enterprise_id,
                team_id=team_id,
                is_enterprise_install=is_enterprise_install,
            )
        )

    async def async_find_installation(
        self,
        *,
        enterprise_id: str | None,
        team_id: str | None,
        user_id: str | None = None,
        is_enterprise_install: bool | None = False,
    ) -> Installation | None:
        return await self._database.guard(
            self._store.async_find_installation(
                enterprise_id=enterprise_id,
                team_id=team_id,
                user_id=user_id,
                is_enterprise_install=is_enterprise_install,
            )
        )

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
