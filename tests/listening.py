"""A Starlette application on a real port, as long as a test needs it."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route


@contextmanager
def listening(routes: Sequence[Route]) -> Iterator[str]:
    """The address of /v1 of a running server; it is ended with the block."""
    runner = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), port=0, log_level="error"))
    thread = threading.Thread(target=runner.run, daemon=True)
    thread.start()
    while not runner.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{runner.servers[0].sockets[0].getsockname()[1]}/v1"
    runner.should_exit = True
    thread.join(10)
