"""What the tests share: reproducible hypothesis runs, and a web server on this machine that misbehaves on request."""

import re
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import settings

from tests.run_times import RunTimes

# The same examples on every run and every machine; no time limit, since a shared core may pause at any moment.
settings.register_profile("course", derandomize=True, deadline=None, max_examples=50)
settings.load_profile("course")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(RunTimes(), "run times of the lessons")


class Mirror(ThreadingHTTPServer):
    """Serves files from memory and notes what it sent.

    Attributes:
        files: content by name.
        ranges: whether it can send the rest of a file.
        cut_after: bytes of a body after which it hangs up.
        sent: status and number of bytes of each file sent.
    """

    def __init__(self, files: dict[str, bytes], *, ranges: bool = True, cut_after: int | None = None):
        super().__init__(("127.0.0.1", 0), _Answer)
        self.files, self.ranges, self.cut_after = files, ranges, cut_after
        self.sent: list[tuple[int, int]] = []

    def url(self, name: str = "") -> str:
        return f"http://127.0.0.1:{self.server_port}/{name}"


class _Answer(BaseHTTPRequestHandler):
    server: Mirror

    def do_GET(self) -> None:
        body = self.server.files.get(self.path.removeprefix("/"))
        if body is None:
            return self.send_error(404)
        status = 200
        if self.server.ranges and "Range" in self.headers:
            start = int(re.fullmatch(r"bytes=(\d+)-", self.headers["Range"])[1])
            if start >= len(body):
                return self.send_error(416)
            status, body = 206, body[start:]
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        body = body[: self.server.cut_after]
        self.server.sent.append((status, len(body)))
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Mirror]]:
    """Starts a `Mirror`; stops it after the test."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    running = []

    def start(files: dict[str, bytes], **options: object) -> Mirror:
        server = Mirror(files, **options)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        running.append((server, thread))
        return server

    yield start
    for server, thread in running:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def dead_url(monkeypatch: pytest.MonkeyPatch) -> str:
    """An address on this machine where nobody answers."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{unused.getsockname()[1]}/"
