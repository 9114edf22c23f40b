"""A small Hub of data set repositories for tests, which the real client and `datasets` talk to over HTTP."""

from tests.hub.server import Hub, hub

__all__ = ["Hub", "hub"]
