"""A real JupyterHub with its proxy, and three accounts of this machine on a checkout that none of them can write.

Needs root, who makes the accounts, and the packages of requirements-hub.lock.
"""

import asyncio
import importlib.util
import json
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import nbformat
import pytest
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from course_utils.data.locate import COURSE_ROOT
from course_utils.tools.views import notebook

DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
NAMES = [f"course-{secrets.token_hex(3)}" for _ in range(3)]
ISOLATED = hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("unshare") and shutil.which("useradd")
pytestmark = pytest.mark.skipif(
    not ISOLATED or importlib.util.find_spec("jupyterhub") is None,
    reason="needs root on Linux and requirements-hub.lock: `python noxfile.py -s hub -- --version` installs it",
)
# The hub sees other mounts than we do: the checkout cannot be written, and folders that other accounts may not enter,
# such as root's home, hold what Python and the course need and nothing else.
VIEW = """
set -e
keep="$1"; shift
mount --make-rprivate /
number=0
for path in $NEEDED; do mkdir "$keep/$number"; mount --rbind "$path" "$keep/$number"; number=$((number + 1)); done
for path in $CLOSED; do mount -t tmpfs -o mode=755 none "$path"; done
number=0
for path in $NEEDED; do mkdir -p "$path"; mount --rbind "$keep/$number" "$path"; number=$((number + 1)); done
mount --bind "$CHECKOUT" "$CHECKOUT"
mount -o remount,ro,bind "$CHECKOUT"
exec "$@"
"""


class Hub(NamedTuple):
    """Address, password, the folder of the homes, and the port where votes are expected."""

    address: str
    password: str
    homes: Path
    votes_port: int

    def ask(self, path: str, token: str = "", body: object = None, method: str | None = None) -> tuple[int, object]:
        """Status and content of an answer."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"token {token}"} if token else {}
        request = urllib.request.Request(self.address + path, data, headers, method=method)
        try:
            with DIRECT.open(request, timeout=60) as answer:
                text = answer.read()
                return answer.status, json.loads(text) if text else None
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read().decode()

    def is_up(self) -> bool:
        try:
            return self.ask("/hub/api/")[0] == 200  # the proxy is there before the hub, and says 404
        except OSError:
            return False

    def start(self, name: str) -> str:
        """The account logs in and starts its server; its token."""
        login = {"auth": {"username": name, "password": self.password}}
        status, made = self.ask(f"/hub/api/users/{name}/tokens", body=login)
        assert status == 201, made
        assert self.ask(f"/hub/api/users/{name}/server", made["token"], {})[0] in (201, 202)
        for _ in range(240):
            if self.ask(f"/hub/api/users/{name}", made["token"])[1]["servers"].get("", {}).get("ready"):
                return made["token"]
            time.sleep(0.5)
        raise AssertionError(f"no server for {name}")

    async def run(self, name: str, token: str, cells: list[str]) -> list[str]:
        """Run cells in a new kernel of the account's server, through the proxy; what each printed, or its error."""
        kernel = self.ask(f"/user/{name}/api/kernels", token, {"name": "python3", "path": "course"})[1]["id"]
        url = f"ws{self.address.removeprefix('http')}/user/{name}/api/kernels/{kernel}/channels"
        said = []
        channels = await websocket_connect(HTTPRequest(url, headers={"Authorization": f"token {token}"}))
        for source in cells:
            header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "session": kernel, "username": name}
            content = {"code": source, "silent": False, "store_history": True, "allow_stdin": False}
            sent = {"header": header | {"version": "5.3", "date": "2026-01-01T00:00:00Z"}, "content": content}
            await channels.write_message(json.dumps(sent | {"parent_header": {}, "metadata": {}, "channel": "shell"}))
            text = ""
            while True:
                message = json.loads(await asyncio.wait_for(channels.read_message(), 300))
                if message["parent_header"].get("msg_id") != header["msg_id"]:
                    continue
                if message["msg_type"] == "stream":
                    text += message["content"]["text"]
                elif message["msg_type"] == "error":
                    text += f"{message['content']['ename']}: {message['content']['evalue']}"
                elif message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                    break
            said.append(text)
        channels.close()
        while await channels.read_message() is not None:  # until it is closed
            pass
        return said


def closed_above(path: Path) -> list[Path]:
    """The topmost folder above a path that other accounts may not enter."""
    return [folder for folder in reversed(path.parents) if not folder.stat().st_mode & 0o001][:1]


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    folder = Path(tempfile.mkdtemp(prefix="hub"))
    folder.chmod(0o755)
    for name in ("home", "keep"):
        (folder / name).mkdir(mode=0o755)
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(4)]
    ports = [free.getsockname()[1] for free in sockets]
    for free in sockets:
        free.close()
    needed = list(dict.fromkeys(Path(place).resolve() for place in (sys.base_prefix, sys.prefix, COURSE_ROOT)))
    closed = {top for path in needed for top in closed_above(path)}
    paths = {"NEEDED": needed if closed else [], "CLOSED": closed, "CHECKOUT": [COURSE_ROOT]}
    view = {name: " ".join(map(str, found)) for name, found in paths.items()}
    password = secrets.token_hex(8)
    command = [
        *("unshare", "--mount", "sh", "-c", VIEW, "sh", str(folder / "keep")),
        *(sys.executable, "-m", "jupyterhub", "-f", str(COURSE_ROOT / "hub" / "jupyterhub_config.py")),
        f"--JupyterHub.bind_url=http://127.0.0.1:{ports[0]}",
        f"--JupyterHub.hub_port={ports[1]}",
        f"--ConfigurableHTTPProxy.api_url=http://127.0.0.1:{ports[2]}",
        f"--JupyterHub.db_url=sqlite:///{folder}/hub.sqlite",
        f"--JupyterHub.cookie_secret_file={folder}/secret",
        "--JupyterHub.authenticator_class=dummy",
        f"--DummyAuthenticator.password={password}",
        *(f"--Authenticator.allowed_users={name}" for name in NAMES),  # known to the hub before they first log in
    ]
    made, log = [], folder / "log"
    try:
        for name in NAMES:
            home = folder / "home" / name
            subprocess.run(["useradd", "--create-home", "--home-dir", home, "-K", "HOME_MODE=0700", name], check=True)
            made.append(name)
        with log.open("w") as out:
            environment = os.environ | view | {"HOME": str(folder)}
            environment["COURSE_VOTES_URL"] = f"http://127.0.0.1:{ports[3]}"
            process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=out, env=environment)
        found = Hub(f"http://127.0.0.1:{ports[0]}", password, folder / "home", ports[3])
        try:
            while not found.is_up():
                assert process.poll() is None, log.read_text()
                time.sleep(0.25)
            yield found
        finally:
            print(log.read_text()[-5000:])
            process.terminate()
            process.wait(60)
    finally:
        for name in made:
            subprocess.run(["userdel", name], check=False)
        shutil.rmtree(folder, ignore_errors=True)


def test_three_students_run_a_lesson_on_a_read_only_checkout_and_see_their_own_records(hub: Hub) -> None:
    lesson = notebook("stripe_dataset")
    before = lesson.read_bytes()
    tokens = {name: hub.start(name) for name in NAMES}
    try:
        for name, token in tokens.items():
            status, copy = hub.ask(f"/user/{name}/api/contents/course/{lesson.name}", token)
            assert status == 200, copy
            cells = [cell.source for cell in nbformat.from_dict(copy["content"]).cells if cell.cell_type == "code"]
            others = [other for other in NAMES if other != name]
            cells += [
                "import os; print(os.getuid())",
                "from course_utils.training import ledger; print(ledger.mine(), len(list(ledger.mine().iterdir())))",
                f"print(os.access({str(lesson)!r}, os.W_OK))",
                f"print(open('/proc/self/mounts').read().count({str(COURSE_ROOT)!r}) > 0)",
                *(f"os.listdir({str(hub.homes / other / 'course')!r})" for other in others),
            ]
            *ran, uid, records, writes, mounted, first, second = asyncio.run(hub.run(name, token, cells))
            assert not any("Error" in text for text in ran), ran
            assert int(uid) == pwd.getpwnam(name).pw_uid != 0
            results = hub.homes / name / "course" / "results"
            assert records.startswith(str(results))
            assert {path.name for path in results.glob("*.jsonl")} == {"stripe_dataset.jsonl"}
            assert all(path.stat().st_uid == int(uid) for path in results.iterdir())
            assert (writes.strip(), mounted.strip()) == ("False", "True")
            assert first.startswith("PermissionError") and second.startswith("PermissionError")
            for other in others:
                assert hub.ask(f"/user/{other}/api/contents/course", token)[0] == 403
        assert lesson.read_bytes() == before
    finally:
        for name, token in tokens.items():
            hub.ask(f"/hub/api/users/{name}/server", token, method="DELETE")


def test_the_votes_are_found_below_the_hub_while_they_run(hub: Hub) -> None:
    assert hub.ask("/services/votes/")[0] == 503
    address = f"{hub.address}/services/votes"
    command = [sys.executable, "-m", "course_utils.classroom.votes", "li_readout", f"--port={hub.votes_port}"]
    with subprocess.Popen([*command, f"--address={address}"], stdout=subprocess.PIPE, text=True) as process:
        try:
            room = process.stdout.readline().split()[-1]
            assert room.startswith(address)
            status, seat = hub.ask(room.removeprefix(hub.address) + "join", body={})
            assert status == 200 and seat["voter"]
        finally:
            process.terminate()
            process.communicate()
