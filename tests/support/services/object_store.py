"""A store that verifies the signatures of S3's protocol: the pinned package `nanio`, in a thread."""

from __future__ import annotations

import importlib.util
import socket
import threading
from contextlib import contextmanager

import uvicorn

from support.http.raw_client import HOST
from support.requirements import needs
from support.waiting import wait_until

NEEDS_OBJECT_STORE = needs(importlib.util.find_spec("nanio"), "nanio")


@contextmanager
def object_store(directory, access_key_id, secret_access_key):
    """Yield the URL of a store of one user, whose buckets are the folders of a directory."""
    from nanio.app import build_app
    from nanio.auth.credentials import StaticCredentialResolver
    from nanio.config import Settings

    credentials = StaticCredentialResolver({access_key_id: secret_access_key})
    application = build_app(Settings(data_dir=directory, credentials=credentials))
    server = uvicorn.Server(uvicorn.Config(application, log_level="critical"))
    with socket.create_server((HOST, 0)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        try:
            wait_until(lambda: server.started)
            yield f"http://{HOST}:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
