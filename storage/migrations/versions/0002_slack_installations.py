"""Tables of the Slack SDK, for workspaces that install the app by OAuth. Types are written out."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ID = sa.String(32)
TEXT = sa.String(200)
SCOPES = sa.String(1000)


def upgrade() -> None:
    """Make the three tables."""
    _bots()
    _installations()
    _oauth_states()


def _bots() -> None:
    op.create_table(
        "slack_bots",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("client_id", ID, nullable=False),
        sa.Column("app_id", ID, nullable=False),
        sa.Column("enterprise_id", ID),
        sa.Column("enterprise_name", TEXT),
        sa.Column("team_id", ID),
        sa.Column("team_name", TEXT),
        sa.Column("bot_token", TEXT),
        sa.Column("bot_id", ID),
        sa.Column("bot_user_id", ID),
        sa.Column("bot_scopes", SCOPES),
        sa.Column("bot_refresh_token", TEXT),
        sa.Column("bot_token_expires_at", sa.DateTime()),
        sa.Column("is_enterprise_install", sa.Boolean(), nullable=False),
        sa.Column("installed_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_slack_bots"),
    )
    op.create_index(
        "slack_bots_idx", "slack_bots", ["client_id", "enterprise_id", "team_id", "installed_at"]
    )


def _installations() -> None:
    op.create_table(
        "slack_installations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("client_id", ID, nullable=False),
        sa.Column("app_id", ID, nullable=False),
        sa.Column("enterprise_id", ID),
        sa.Column("enterprise_name", TEXT),
        sa.Column("enterprise_url", TEXT),
        sa.Column("team_id", ID),
        sa.Column("team_name", TEXT),
        sa.Column("bot_token", TEXT),
        sa.Column("bot_id", ID),
        sa.Column("bot_user_id", ID),
        sa.Column("bot_scopes", SCOPES),
        sa.Column("bot_refresh_token", TEXT),
        sa.Column("bot_token_expires_at", sa.DateTime()),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("user_token", TEXT),
        sa.Column("user_scopes", SCOPES),
        sa.Column("user_refresh_token", TEXT),
        sa.Column("user_token_expires_at", sa.DateTime()),
        sa.Column("incoming_webhook_url", TEXT),
        sa.Column("incoming_webhook_channel", TEXT),
        sa.Column("incoming_webhook_channel_id", TEXT),
        sa.Column("incoming_webhook_configuration_url", TEXT),
        sa.Column("is_enterprise_install", sa.Boolean(), nullable=False),
        sa.Column("token_type", ID),
        sa.Column("installed_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_slack_installations"),
    )
    op.create_index(
        "slack_installations_idx",
        "slack_installations",
        ["client_id", "enterprise_id", "team_id", "user_id", "installed_at"],
    )


def _oauth_states() -> None:
    op.create_table(
        "slack_oauth_states",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("expire_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_slack_oauth_states"),
    )
