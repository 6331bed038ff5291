"""A Hugging Face hub on this machine, as far as models are fetched from it."""

from tests.loopback.hub.repository import Repository
from tests.loopback.hub.server import HubServer

__all__ = ["HubServer", "Repository"]
