"""What the core needs of the rest of the house: a store, a generator and messengers."""

from bot.ports.generation import Answer, Generator
from bot.ports.platforms import Absences, CatchUp, Inbox, Look, Messenger, Outlet
from bot.ports.store import Choices, Personas, Store

__all__ = [
    "Absences",
    "Answer",
    "CatchUp",
    "Choices",
    "Generator",
    "Inbox",
    "Look",
    "Messenger",
    "Outlet",
    "Personas",
    "Store",
]
