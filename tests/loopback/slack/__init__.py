"""A Slack that runs in this process and that unmodified slack_sdk and slack_bolt connect to."""

from tests.loopback.faults import Fault
from tests.loopback.slack.interactions import Interaction, InteractionFailedError
from tests.loopback.slack.limits import Limit
from tests.loopback.slack.model import Channel, Message, Upload, User, Workspace
from tests.loopback.slack.people import Person
from tests.loopback.slack.server import SlackServer
from tests.loopback.slack.views import View
from tests.loopback.slack.webhooks import Webhooks

__all__ = [
    "Channel",
    "Fault",
    "Interaction",
    "InteractionFailedError",
    "Limit",
    "Message",
    "Person",
    "SlackServer",
    "Upload",
    "User",
    "View",
    "Webhooks",
    "Workspace",
]
