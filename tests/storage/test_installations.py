"""Workspaces that installed the Slack app, as the Slack SDK keeps them in our database."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from slack_sdk.oauth.installation_store.models.bot import Bot
from slack_sdk.oauth.installation_store.models.installation import Installation
from slack_sdk.oauth.installation_store.sqlalchemy import SQLAlchemyInstallationStore
from slack_sdk.oauth.state_store.sqlalchemy import SQLAlchemyOAuthStateStore
from sqlalchemy import MetaData, Table

from bot.errors import StorageError
from storage import SqlStore, open_store, slack_installations
from storage.installations import SlackInstallations
from storage.tables import metadata
from tests.storage.given import claimed

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def slack(store: SqlStore, tmp_path: Path) -> SlackInstallations:
    return slack_installations(store, "1.2", folder=tmp_path)


def installation(
    team: str | None = "T1", *, enterprise: str | None = None, token: str = "xoxb-1", hour: int = 0
) -> Installation:
    return Installation(
        app_id="A1",
        enterprise_id=enterprise,
        team_id=team,
        bot_token=token,
        bot_id="B1",
        bot_user_id="UB",
        bot_scopes=["chat:write", "commands"],
        user_id="U1",
        is_enterprise_install=team is None,
        installed_at=(NOON + timedelta(hours=hour)).timestamp(),
    )


async def bot(
    slack: SlackInstallations, team: str | None = "T1", enterprise: str | None = None
) -> Bot | None:
    return await slack.installations.async_find_bot(
        enterprise_id=enterprise, team_id=team, is_enterprise_install=team is None
    )


async def token(
    slack: SlackInstallations, team: str | None = "T1", enterprise: str | None = None
) -> str | None:
    found = await bot(slack, team, enterprise)
    return None if found is None else found.bot_token


def sdk_tables() -> list[Table]:
    apart = MetaData(naming_convention=metadata.naming_convention)
    return [
        SQLAlchemyInstallationStore.build_bots_table(apart, "slack_bots"),
        SQLAlchemyInstallationStore.build_installations_table(apart, "slack_installations"),
        SQLAlchemyOAuthStateStore.build_oauth_states_table(apart, "slack_oauth_states"),
    ]


def described(table: Table) -> tuple[dict[str, tuple[str, bool | None]], list[list[str]]]:
    columns = {column.name: (str(column.type), column.nullable) for column in table.columns}
    return columns, [index.columns.keys() for index in table.indexes]


@pytest.mark.parametrize("table", sdk_tables(), ids=lambda table: str(table.name))
def test_our_tables_are_those_that_the_sdk_wants(table: Table) -> None:
    assert described(metadata.tables[table.name]) == described(table)


async def test_an_installation_is_found_again_whole(slack: SlackInstallations) -> None:
    await slack.installations.async_save(installation())
    found = await bot(slack)
    assert found is not None
    assert (found.bot_token, found.bot_user_id, found.team_id) == ("xoxb-1", "UB", "T1")
    assert list(found.bot_scopes) == ["chat:write", "commands"]
    person = await slack.installations.async_find_installation(enterprise_id=None, team_id="T1")
    assert person is not None
    assert person.user_id == "U1"


async def test_it_is_there_after_a_restart(
    slack: SlackInstallations, url: str, tmp_path: Path
) -> None:
    await slack.installations.async_save(installation())
    again = await open_store(url)
    assert await token(slack_installations(again, "1.2", folder=tmp_path)) == "xoxb-1"
    await again.close()


async def test_the_newest_installation_counts(slack: SlackInstallations) -> None:
    await slack.installations.async_save(installation(token="xoxb-new", hour=1))
    await slack.installations.async_save(installation(token="xoxb-old"))
    assert await token(slack) == "xoxb-new"


async def test_workspaces_and_apps_do_not_see_each_others_tokens(
    slack: SlackInstallations, store: SqlStore, tmp_path: Path
) -> None:
    await slack.installations.async_save(installation("T1"))
    assert await token(slack, "T2") is None
    assert await token(slack_installations(store, "3.4", folder=tmp_path)) is None


async def test_an_organisation_has_one_token_for_all_its_workspaces(
    slack: SlackInstallations,
) -> None:
    await slack.installations.async_save(installation(None, enterprise="E1", token="xoxb-org"))
    await slack.installations.async_save(installation("T1", enterprise="E1", token="xoxb-team"))
    assert await token(slack, None, "E1") == "xoxb-org"
    assert await token(slack, "T1", "E1") == "xoxb-team"
    await slack.forget(enterprise_id="E1", team_id=None)
    assert await token(slack, None, "E1") is None
    assert await token(slack, "T1", "E1") == "xoxb-team"


async def test_a_workspace_that_uninstalls_is_forgotten_alone(
    slack: SlackInstallations, raw: sqlite3.Connection
) -> None:
    for team in ("T1", "T2"):
        await slack.installations.async_save(installation(team, token=f"xoxb-{team}"))
    await slack.forget(enterprise_id=None, team_id="T1")
    assert (await token(slack, "T1"), await token(slack, "T2")) == (None, "xoxb-T2")
    for query in ("SELECT * FROM slack_bots", "SELECT * FROM slack_installations"):
        assert "xoxb-T1" not in str([tuple(row) for row in raw.execute(query)])


async def test_a_state_is_good_for_one_time(slack: SlackInstallations) -> None:
    state = await slack.states.async_issue()
    assert await slack.states.async_consume(state)
    assert not await slack.states.async_consume(state)
    assert not await slack.states.async_consume("made up")


async def test_a_state_consumed_by_many_at_once_is_good_for_one(slack: SlackInstallations) -> None:
    state = await slack.states.async_issue()
    results = await asyncio.gather(*(slack.states.async_consume(state) for _ in range(8)))
    assert sorted(results) == [False] * 7 + [True]


async def test_states_that_nobody_used_do_not_pile_up(
    slack: SlackInstallations, raw: sqlite3.Connection
) -> None:
    old = await slack.states.async_issue()
    raw.execute("UPDATE slack_oauth_states SET expire_at = '2020-01-01 00:00:00.000000'")
    assert not await slack.states.async_consume(old)
    new = await slack.states.async_issue()
    assert [row["state"] for row in raw.execute("SELECT * FROM slack_oauth_states")] == [new]


async def test_conversations_and_installations_share_the_writer(
    slack: SlackInstallations, store: SqlStore
) -> None:
    saves = (slack.installations.async_save(installation(f"T{n}")) for n in range(10))
    claims = (claimed(store, f"m{n}") for n in range(10))
    await asyncio.gather(*saves, *claims)
    assert [await token(slack, f"T{n}") for n in range(10)] == ["xoxb-1"] * 10


async def test_a_save_whose_caller_leaves_is_finished(
    slack: SlackInstallations, store: SqlStore, url: str, tmp_path: Path
) -> None:
    save = asyncio.create_task(slack.installations.async_save(installation()))
    await asyncio.sleep(0)
    save.cancel()
    await store.close()
    assert save.cancelled()
    again = await open_store(url)
    assert await token(slack_installations(again, "1.2", folder=tmp_path)) == "xoxb-1"
    await again.close()


async def test_a_database_without_the_tables_says_so_without_the_token(
    slack: SlackInstallations, raw: sqlite3.Connection
) -> None:
    raw.execute("DROP TABLE slack_bots")
    with pytest.raises(StorageError, match="quipu db upgrade") as caught:
        await slack.installations.async_save(installation(token="xoxb-secret"))
    assert "xoxb-secret" not in str(caught.value)
    with pytest.raises(StorageError):
        await bot(slack)


def test_the_sdk_is_loaded_only_where_it_is_wanted() -> None:
    code = "import storage, sys; sys.exit('slack_sdk' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
