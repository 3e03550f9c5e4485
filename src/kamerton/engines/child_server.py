"""What workers that speak HTTP from Python have in common: a keyed application on a free port.

The rules of such a process stand in `engines.child`: settings on standard input, the address on
standard output, and the end with the parent.
"""

import asyncio
import json
import os
import secrets
import socket
import sys
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse

from kamerton.engines.openai_api import ApiError

T = TypeVar("T")


def settings_from_parent() -> dict[str, Any]:
    """The settings that the parent wrote; from now on this process ends when the parent does."""
    settings: dict[str, Any] = json.loads(sys.stdin.readline())

    def end_with_parent() -> None:
        sys.stdin.read()
        os._exit(0)

    threading.Thread(target=end_with_parent, daemon=True).start()
    # Threads that wait do not spin (decision 0001); read by the library when it loads.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    return settings


def application(key: str) -> FastAPI:
    """An application without routes yet, closed to all who do not have the key."""
    expected = f"Bearer {key}".encode()

    async def check_key(request: Request) -> None:
        given = request.headers.get("authorization", "").encode()
        if not secrets.compare_digest(given, expected):
            raise ApiError(401, "the key is missing or wrong", "authentication_error")

    app = FastAPI(
        dependencies=[Depends(check_key)], docs_url=None, redoc_url=None, openapi_url=None
    )
    app.add_exception_handler(ApiError, error_response)
    return app


async def error_response(_: Request, error: Exception) -> JSONResponse:
    """An ApiError as the answer to a request."""
    assert isinstance(error, ApiError)
    return JSONResponse(error.body(), error.status)


async def while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, cancelled when the client leaves: the engine then stops computing."""
    task, left = asyncio.create_task(work), asyncio.ensure_future(request.receive())
    try:
        await asyncio.wait({task, left}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ApiError(499, "the client left before the answer was whole")
        return task.result()
    finally:
        task.cancel()
        left.cancel()
        await asyncio.gather(task, left, return_exceptions=True)


def listen(app: FastAPI, backlog: int | None = None) -> None:
    """Serve on a free port of this machine until the process ends; the address is told first."""
    import uvicorn

    with socket.create_server(("127.0.0.1", 0), backlog=backlog) as listener:
        address = "http://{}:{}".format(*listener.getsockname())
        sys.stdout.write(json.dumps({"address": address}) + "\n")
        sys.stdout.flush()
        uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])
