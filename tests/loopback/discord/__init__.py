"""A Discord that runs in this process and that unmodified discord.py connects to."""

from tests.loopback.discord.interactions import Interaction, InteractionFailedError
from tests.loopback.discord.limits import Limit
from tests.loopback.discord.model import Channel, Guild, Message, Role, User
from tests.loopback.discord.people import Person
from tests.loopback.discord.server import DiscordServer
from tests.loopback.faults import Fault

__all__ = [
    "Channel",
    "DiscordServer",
    "Fault",
    "Guild",
    "Interaction",
    "InteractionFailedError",
    "Limit",
    "Message",
    "Person",
    "Role",
    "User",
]
