"""An OpenAI-compatible server that runs in this process and streams as vLLM does."""

from tests.loopback.endpoint.server import EndpointServer
from tests.loopback.endpoint.writers import ModelWriter, WordWriter, Writer

__all__ = ["EndpointServer", "ModelWriter", "WordWriter", "Writer"]
