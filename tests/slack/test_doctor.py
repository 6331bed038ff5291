"""What the doctor finds on the Slack side, and how it says to mend it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from adapters.slack.doctor import Credentials, examine
from adapters.slack.manifest import EVENTS, SCOPES, manifest
from bot.values import Finding
from tests.loopback.slack import SlackServer
from tests.slack.answers import Answers, served, sound

SOCKET = Credentials(bot_token="xoxb-1", app_token="xapp-1-A1-2-abc")
HTTP = Credentials(mode="http", bot_token="xoxb-1", signing_secret="0123456789abcdef" * 2)
MANY = Credentials(
    app_token="xapp-1-A1-2-abc",
    client_id="1.2",
    client_secret="s" * 32,
    public_url="https://example.org",
)
SEEN = replace(SOCKET, config_token="xoxe.xoxp-1")


@pytest.fixture
async def slack() -> AsyncIterator[Answers]:
    async with served(sound()) as answers:
        yield answers


async def found(slack: Answers, credentials: Credentials = SOCKET) -> list[Finding]:
    return await examine(credentials, api_url=slack.url)


async def troubles(slack: Answers, credentials: Credentials = SOCKET) -> list[Finding]:
    return [each for each in await found(slack, credentials) if each.severity != "ok"]


async def trouble(slack: Answers, credentials: Credentials = SOCKET) -> Finding:
    [finding] = await troubles(slack, credentials)
    return finding


@pytest.mark.parametrize("credentials", [SOCKET, HTTP, MANY], ids=["socket", "http", "many"])
async def test_a_sound_set_up_has_nothing_to_mend(slack: Answers, credentials: Credentials) -> None:
    assert not await troubles(slack, credentials)


async def test_it_says_who_signed_in_and_which_events_are_needed(slack: Answers) -> None:
    texts = [finding.text for finding in await found(slack)]
    assert texts[0] == "signed in to Slack as quipu in Acme"
    assert all(event in texts[-1] for event in EVENTS)


@pytest.mark.parametrize("scope", SCOPES)
async def test_each_missing_scope_is_named_with_the_way_to_add_it(
    slack: Answers, scope: str
) -> None:
    slack.scopes = [each for each in SCOPES if each != scope]
    finding = await trouble(slack)
    assert finding.severity == "error"
    assert f"the scope {scope} is missing" in finding.text
    assert "Bot Token Scopes" in finding.mend


async def test_scopes_that_are_not_said_are_a_warning(slack: Answers) -> None:
    slack.scopes = None
    assert (await trouble(slack)).severity == "warning"


async def test_a_wrong_bot_token_is_an_error(slack: Answers) -> None:
    slack.refuse("auth.test", "invalid_auth")
    finding = await trouble(slack)
    assert "bot token: invalid_auth" in finding.text
    assert "xoxb-" in finding.mend


async def test_a_persons_token_is_not_a_bots(slack: Answers) -> None:
    slack.say("auth.test", user="ana", team="Acme")
    assert "belongs to a person" in (await trouble(slack)).text


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("invalid_auth", "app-level token: invalid_auth"),
        ("missing_scope", "connections:write"),
        ("socket_mode_disabled", "Socket Mode is switched off"),
    ],
)
async def test_a_connection_that_cannot_be_had_is_an_error(
    slack: Answers, code: str, words: str
) -> None:
    slack.refuse("apps.connections.open", code)
    assert words in (await trouble(slack)).text


async def test_tokens_of_two_apps_are_told_apart(slack: Answers) -> None:
    finding = await trouble(slack, replace(SOCKET, app_token="xapp-1-A2-2-abc"))
    assert "two apps: A1, A2" in finding.text


async def test_without_the_apps_id_there_is_only_less_to_compare(slack: Answers) -> None:
    slack.said["bots.info"] = (404, {})
    assert not await troubles(slack, replace(SOCKET, app_token="xapp-1-A2-2-abc"))


@pytest.mark.parametrize(
    ("secret", "severity"),
    [("xoxb-1", "error"), ("s" * 32, "error"), ("0123", "warning"), ("Z" * 32, "warning")],
)
async def test_what_is_no_signing_secret_is_noticed(
    slack: Answers, secret: str, severity: str
) -> None:
    finding = await trouble(slack, replace(HTTP, signing_secret=secret, client_secret="s" * 32))
    assert finding.severity == severity
    assert "Signing Secret" in finding.mend
    assert secret not in finding.text


@pytest.mark.parametrize(
    ("code", "words"),
    [("invalid_client_id", "the client id"), ("bad_client_secret", "the client secret")],
)
async def test_client_id_and_secret_are_tried(slack: Answers, code: str, words: str) -> None:
    slack.refuse("oauth.v2.access", code)
    finding = await trouble(slack, MANY)
    assert (finding.severity, words in finding.text) == ("error", True)


async def test_an_installation_needs_https(slack: Answers) -> None:
    finding = await trouble(slack, replace(MANY, public_url="http://example.org"))
    assert "https" in finding.text


async def test_an_app_made_from_the_manifest_is_as_it_should_be(slack: Answers) -> None:
    slack.say("apps.manifest.export", manifest=manifest())
    assert not await troubles(slack, SEEN)


@pytest.mark.parametrize("event", EVENTS)
async def test_each_missing_event_is_named_where_the_app_can_be_seen(
    slack: Answers, event: str
) -> None:
    app = manifest()
    app["settings"]["event_subscriptions"]["bot_events"].remove(event)
    slack.say("apps.manifest.export", manifest=app)
    finding = await trouble(slack, SEEN)
    assert f"the event {event} is not subscribed to" in finding.text
    assert "Event Subscriptions" in finding.mend


async def test_an_app_without_command_buttons_and_socket_mode_is_told_all_of_it(
    slack: Answers,
) -> None:
    app = manifest(http="https://example.org")
    del app["features"]["slash_commands"], app["settings"]["interactivity"]
    slack.say("apps.manifest.export", manifest=app)
    texts = "\n".join(finding.text for finding in await troubles(slack, SEEN))
    assert all(word in texts for word in ("/quipu", "interactivity", "Socket Mode"))


async def test_an_app_from_before_there_were_menus_is_told_what_it_lacks(slack: Answers) -> None:
    app = manifest()
    del app["features"]["shortcuts"]
    app["features"]["slash_commands"][0]["should_escape"] = False
    slack.say("apps.manifest.export", manifest=app)
    texts = "\n".join(finding.text for finding in await troubles(slack, SEEN))
    assert all(word in texts for word in ("quipu:why", "quipu:settings", "the ids of people"))


async def test_a_configuration_token_that_expired_is_a_warning(slack: Answers) -> None:
    slack.refuse("apps.manifest.export", "token_expired")
    assert "12 hours" in (await trouble(slack, SEEN)).mend


@pytest.mark.parametrize(
    "answer", [(503, {}), (429, {"ok": False, "error": "ratelimited"}), (200, {})]
)
async def test_slack_being_away_is_not_blamed_on_the_token(
    slack: Answers, answer: tuple[int, dict[str, object]]
) -> None:
    slack.said["auth.test"] = answer
    finding = await trouble(slack)
    assert "did not answer as expected" in finding.text
    assert "slack-status.com" in finding.mend


async def test_an_address_where_nobody_answers_is_an_error() -> None:
    [finding] = await examine(SOCKET, api_url="http://127.0.0.1:9/api/")
    assert finding.severity == "error"
    assert "xoxb" not in str(finding)


async def test_credentials_are_not_printed() -> None:
    assert "xoxb" not in repr(SOCKET)


async def test_on_a_whole_slack_everything_is_well(slack_server: SlackServer) -> None:
    workspace, app = slack_server.workspace("Cuzco"), slack_server.app
    given = Credentials(
        bot_token=workspace.bot_token,
        app_token=app.app_token,
        client_id=app.client_id,
        client_secret=app.client_secret,
        public_url="https://example.org",
    )
    findings = await examine(given, api_url=slack_server.api_url)
    assert [finding for finding in findings if finding.severity != "ok"] == []
    assert findings[0].text.endswith(" in Cuzco")


async def test_on_a_whole_slack_a_scope_that_was_not_granted_is_named() -> None:
    async with SlackServer(scopes=frozenset(SCOPES) - {"assistant:write"}) as server:
        workspace = server.workspace()
        given = Credentials(bot_token=workspace.bot_token, app_token=server.app.app_token)
        findings = await examine(given, api_url=server.api_url)
    [finding] = [each for each in findings if each.severity != "ok"]
    assert "the scope assistant:write is missing" in finding.text
