"""The table of relay engines: every test here runs on each of them."""

import contextlib

import pytest

from support import clients
from support.proxy import Proxy

ENGINES = {"copy": ["--no-pipe"], "splice": ["--pipe"], "adaptive": []}


@pytest.fixture(params=ENGINES)
def engine(request):
    """Options that choose the engine."""
    return ENGINES[request.param]


@pytest.fixture
def proxy(io, engine):
    """Our program on one thread, so that what is counted is that of one loop."""
    with Proxy("--threads", "1", *engine, io=io) as running:
        yield running


@pytest.fixture
def tunnel(proxy, listener):
    """tunnel() -> (client, target): two sockets joined by the relay."""
    with contextlib.ExitStack() as stack:
        def make(**options):
            client = stack.enter_context(
                clients.open_tunnel(proxy.address, listener.address, **options))
            return client, stack.enter_context(listener.accept())

        yield make
