"""The class votes: the real server in a process of its own, real sockets, and a notebook's kernel that has a seat."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from jupyter_client import KernelManager
from tornado.httpclient import AsyncHTTPClient, HTTPRequest

from course_utils.classroom.questions import questions_of
from tests import notebook_cells as notebooks

DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
QUESTIONS = questions_of(notebooks.notebook("li_readout"))
FIRST, *_, LAST = QUESTIONS


class Class:
    """A running server, the address of its class and the instructor's key."""

    def __init__(self, *options: str):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [sys.executable, "-m", "course_utils.classroom.votes", "li_readout", f"--port={self.port}", *options]
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores Ctrl-C
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        lines = [self.process.stdout.readline().split()[-1] for _ in range(2)]
        self.address, self.key = lines[1].split("#")
        assert self.address == lines[0]
        assert self.process.stdout.readline().startswith("Ctrl-C")

    def ask(self, what: str, body: object = None, *, key: str | None = None, code: str | None = None) -> tuple:
        """Status and content of an answer; a body is sent as JSON, bytes as they are."""
        url = (self.address if code is None else self.address[:-7] + code) + what
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"Authorization": f"Bearer {key}"} if key else {})
        try:
            with DIRECT.open(request, timeout=20) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, json.load(refused)

    def seat(self) -> str:
        return self.ask("join", {})[1]["voter"]

    def vote(self, voter: object, choice: object, round: object = 1, question: object = FIRST) -> int:
        return self.ask("vote", {"voter": voter, "question": question, "round": round, "choice": choice})[0]

    def host(self, do: str, question: str | None = FIRST) -> dict:
        return self.ask("host", {"do": do, "question": question}, key=self.key)[1]

    def counts(self, question: str = FIRST) -> list[list[int]]:
        return self.ask(f"state?question={question}", key=self.key)[1]["counts"]

    def stop(self, how: int = signal.SIGINT) -> str:
        """Ends it; what it printed to the end."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        said, errors = self.process.communicate(timeout=30)
        assert errors == ""
        return said


@pytest.fixture
def room() -> Iterator[Class]:
    running = Class()
    yield running
    running.stop(signal.SIGKILL)


# --- votes --------------------------------------------------------------------------------------------------------


def test_two_rounds_are_counted_side_by_side_and_the_table_is_all_that_is_left(room: Class) -> None:
    voters = [room.seat() for _ in range(5)]
    assert [room.vote(voter, choice) for voter, choice in zip(voters, [0, 0, 1, 2, 2], strict=True)] == [200] * 5
    assert room.host("show")["counts"] == [[2, 1, 2, 0]]
    seen = room.ask("state")[1]
    assert seen["text"] == QUESTIONS[FIRST].text and seen["answer"] is None
    assert not {"counts", "joined", "because", "keys"} & seen.keys(), "a student sees neither counts nor the answer"
    room.host("second")
    assert [room.vote(voter, 2, round=2) for voter in voters[:4]] == [200] * 4
    assert room.host("reveal")["counts"] == [[2, 1, 2, 0], [0, 0, 4, 0]]
    seen = room.ask("state")[1]
    assert (seen["answer"], seen["because"]) == (2, QUESTIONS[FIRST].because)
    table = room.stop()
    assert f"| {QUESTIONS[FIRST].options[2]} | 2 | 4 | right | {QUESTIONS[FIRST].because} |" in table
    believed, say = QUESTIONS[FIRST].wrong[0]
    assert f"| {QUESTIONS[FIRST].options[0]} | 2 | 0 | {believed} | {say} |" in table
    assert not any(voter in table for voter in voters) and "127.0.0.1" not in table


def test_a_vote_counts_once_and_the_first_one_stands(room: Class) -> None:
    voter = room.seat()
    assert [room.vote(voter, 1), room.vote(voter, 1), room.vote(voter, 3)] == [200, 200, 409]
    assert room.counts() == [[0, 1, 0, 0]]
    assert room.vote(voter, 1, round=2) == 409, "the second round is not open"
    room.host("second")
    assert room.vote(voter, 1, round=1) == 409, "a vote that is sent again later"
    assert room.counts() == [[0, 1, 0, 0], [0, 0, 0, 0]]
    room.host("second")
    assert len(room.counts()) == 2, "there is no third round"
    room.host("reveal")
    assert room.vote(voter, 1, round=2) == 409, "late"
    assert room.counts() == [[0, 1, 0, 0], [0, 0, 0, 0]]


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"voter": "invented"}, 403),
        ({"voter": None}, 403),
        ({"voter": ["a"]}, 400),
        ({"voter": {}}, 400),
        ({"question": "none"}, 400),
        ({"question": []}, 400),
        ({"choice": 4}, 400),
        ({"choice": -1}, 400),
        ({"choice": True}, 400),
        ({"choice": 1.0}, 400),
        ({"choice": "1"}, 400),
        ({"round": True}, 400),
        ({"round": 0}, 409),
        ({"round": 10**30}, 409),
        ({"more": 1}, 400),
    ],
    ids=str,
)
def test_what_is_no_vote_is_refused_and_not_counted(room: Class, wrong: dict, status: int) -> None:
    vote = {"voter": room.seat(), "question": FIRST, "round": 1, "choice": 0} | wrong
    assert room.ask("vote", vote)[0] == status
    assert room.counts() == [[0, 0, 0, 0]]
    assert room.process.poll() is None


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"3", b"\xff", b"[" * 1900, b'{"voter"', b"{}"])
@pytest.mark.parametrize("what", ["vote", "host", "state", "qr", "nothing"])
def test_bad_bodies_get_an_answer(room: Class, what: str, body: bytes) -> None:
    assert room.ask(what, body, key=room.key)[0] == 400
    assert room.ask("join", {"voter": "mine"})[0] == 400


def test_a_wrong_code_opens_nothing_and_only_the_key_makes_an_instructor(room: Class) -> None:
    for what in ("state", "qr", "join", "vote", "host"):
        assert room.ask(what, None if what in ("state", "qr") else {}, code="WRONG2/")[0] == 404
    for key in (None, "", "wrong", room.key[:-1], room.key + "x"):
        assert room.ask("host", {"do": "reveal", "question": FIRST}, key=key)[0] == 403
        assert "counts" not in room.ask(f"state?question={FIRST}", key=key)[1]
    assert room.ask("state?question=none")[0] == 404
    assert room.ask("state", code=room.address[-7:].lower())[0] == 200, "small letters do"
    with DIRECT.open(room.address) as page, DIRECT.open(room.address + "qr") as code:
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        assert code.headers["Content-Type"] == "image/svg+xml" and b"<svg" in code.read()
        assert room.key not in page.read().decode()


def test_seats_are_limited() -> None:
    room = Class("--seats=3")
    try:
        assert [room.ask("join", {})[0] for _ in range(4)] == [200, 200, 200, 429]
    finally:
        room.stop(signal.SIGKILL)


def test_it_listens_where_it_is_told_only_and_below_the_path_of_a_proxy() -> None:
    room = Class("--listen=127.0.0.2", "--address=https://hub.example.org/services/votes/")
    try:
        assert room.address.startswith("https://hub.example.org/services/votes/")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", room.port)).close()
        for path in ("/services/votes/", "/"):
            with DIRECT.open(f"http://127.0.0.2:{room.port}{path}{room.address[-7:]}state") as answer:
                assert json.load(answer)["of"] == len(QUESTIONS)
        command = [sys.executable, "-m", "course_utils.classroom.votes", "li_readout", "--listen=127.0.0.2"]
        taken = subprocess.run([*command, f"--port={room.port}"], capture_output=True, text=True)
        assert taken.returncode == 2 and f"cannot listen at 127.0.0.2, port {room.port}" in taken.stderr
    finally:
        room.stop(signal.SIGKILL)


def test_200_voters_at_once_in_a_flood_are_each_counted_once(room: Class) -> None:
    """Each joins, votes, and votes again; meanwhile junk comes in over 50 connections, and 50 more send nothing."""

    async def all_at_once() -> None:
        client = AsyncHTTPClient(max_clients=300, force_instance=True)

        async def send(what: str, body: object) -> object:
            data = body if isinstance(body, bytes) else json.dumps(body)
            request = HTTPRequest(room.address + what, method="POST", body=data, request_timeout=60)
            return await client.fetch(request, raise_error=False)

        async def voter(number: int) -> None:
            seat = json.loads((await send("join", {})).body)["voter"]
            vote = {"voter": seat, "question": FIRST, "round": 1, "choice": number % 4}
            answers = await asyncio.gather(*(send("vote", vote) for _ in range(3)))
            assert [answer.code for answer in answers] == [200] * 3
            assert (await send("vote", vote | {"choice": (number + 1) % 4})).code == 409

        async def junk() -> None:
            for body in (b"x" * 1900, b"x" * 10_000, b"{}", b'{"voter": "x"}') * 5:
                assert (await send("vote", body)).code in (400, 413, 599)  # 599: hung up before all of it was sent

        await asyncio.gather(*map(voter, range(200)), *(junk() for _ in range(50)))

    silent = [socket.create_connection(("127.0.0.1", room.port)) for _ in range(50)]
    try:
        asyncio.run(all_at_once())
    finally:
        for connection in silent:
            connection.close()
    assert room.counts() == [[50, 50, 50, 50]]
    assert room.ask("state", key=room.key)[1]["joined"] == 200
    assert room.stop().count("| 50 |") == 4


# --- a notebook in the class --------------------------------------------------------------------------------------

ASK = """
import matplotlib.pyplot as plt
from course_utils.classroom import voter
from course_utils.classroom.prediction import Prediction
def asked(number=0):
    text, options, answer = {questions}[number]
    return Prediction(text, options, answer=answer, because="So it is.", reveal=plt.figure(), alt="Nothing.",
                      wrong={{(answer + 1) % 3: ("Believed.", "Not so.")}})
"""


class Notebook:
    """A kernel whose user has an own folder."""

    def __init__(self, home: Path):
        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel(env=os.environ | {"HOME": str(home), "XDG_DATA_HOME": str(home)})
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=120)
        asked = [(QUESTIONS[key].text, QUESTIONS[key].options, QUESTIONS[key].answer) for key in (FIRST, LAST)]
        self.run(ASK.format(questions=asked))

    def run(self, code: str) -> str:
        """What a cell prints."""
        said: list[str] = []

        def hear(message: dict) -> None:
            assert message["msg_type"] != "error", message["content"]
            if message["msg_type"] == "stream":
                said.append(message["content"]["text"])

        self.client.execute_interactive(code, timeout=120, output_hook=hear)
        return "".join(said).strip()

    def waits_until(self, what: str) -> None:
        """Until an expression holds in the kernel."""
        for _ in range(120):
            if self.run(f"print(bool({what}))") == "True":
                return
            time.sleep(0.25)
        raise AssertionError(self.run("print(one.outcome.value[:300], one.button, one.choice)"))

    def end(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture
def notebook(tmp_path: Path) -> Iterator[Notebook]:
    running = Notebook(tmp_path)
    yield running
    running.end()


def test_a_notebook_votes_waits_votes_again_and_sees_the_answer_with_the_class(
    room: Class, notebook: Notebook, tmp_path: Path
) -> None:
    assert notebook.run(f"voter.join({room.address!r})").startswith("You have a seat.")
    notebook.run("one = asked(); one.choice.value = 0; one.button.click()")
    notebook.waits_until("'vote is in' in one.outcome.value")
    assert room.counts() == [[1, 0, 0, 0]]
    again_at = room.address[:-7] + room.address[-7:].lower()
    assert notebook.run(f"voter.join({again_at!r})").startswith("You have a seat.")
    notebook.run("two = asked(); two.commit(1)")
    notebook.waits_until("'vote is in' in two.outcome.value")
    assert room.counts() == [[1, 0, 0, 0]] and room.ask("state", key=room.key)[1]["joined"] == 1, "one vote a person"
    room.host("second")
    notebook.waits_until("'Second vote' in one.outcome.value and not one.choice.disabled")
    notebook.run("one.choice.value = 2; one.button.click()")
    notebook.waits_until("'vote is in' in one.outcome.value and one.choice.disabled")
    assert room.counts() == [[1, 0, 0, 0], [0, 0, 1, 0]]
    assert notebook.run("print(one.revealed)") == "False"
    room.host("reveal")
    notebook.waits_until("'You were right.' in one.outcome.value and '<img' in one.outcome.value")

    again = Notebook(tmp_path)  # after a restart the seat is still the same, and so is the vote
    try:
        again.run("one = asked(1); one.commit((one.answer + 1) % 3)")
        again.waits_until("'vote is in' in one.outcome.value")
        notebook.run("one = asked(1); one.commit(one.answer)")
        notebook.waits_until("'vote is in' in one.outcome.value")
        assert sum(room.counts(LAST)[0]) == max(room.counts(LAST)[0]) == 1
        assert room.ask("state", key=room.key)[1]["joined"] == 1
        again.run("one.button.click()")  # who does not want to wait
        assert again.run("print(one.revealed, 'Not so.' in one.outcome.value)") == "True True"
    finally:
        again.end()


def test_when_the_server_dies_the_answer_comes_and_the_next_prediction_is_as_ever(
    room: Class, notebook: Notebook
) -> None:
    notebook.run(f"voter.join({room.address!r})\none = asked(); one.commit(0)")
    notebook.waits_until("'vote is in' in one.outcome.value")
    room.process.kill()
    notebook.waits_until("'for you alone' in one.outcome.value and 'It is: ' in one.outcome.value")
    notebook.run("one = asked(1); one.commit(0)")
    notebook.waits_until("'for you alone' in one.outcome.value and '<img' in one.outcome.value")
    assert notebook.run(f"voter.join({room.address!r})").startswith("No class at http://127.0.0.1")


def test_the_code_of_the_votes_is_loaded_only_where_somebody_has_joined(tmp_path: Path) -> None:
    code = (
        "import sys, matplotlib.pyplot as plt\n"
        "from course_utils.classroom.prediction import Prediction\n"
        "Prediction('A?', ['b', 'c'], answer=0, because='d', reveal=plt.figure(), alt='e').commit(0)\n"
        "print('course_utils.classroom.voter' in sys.modules)"
    )
    for joined in (False, True):
        if joined:
            folder = tmp_path / "seven-weeks-of-spikes"
            folder.mkdir()
            (folder / "seat.json").write_text("[3]", encoding="utf-8")  # damaged: as if there were none
        where = os.environ | {"XDG_DATA_HOME": str(tmp_path)}
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=where)
        assert done.stdout.strip() == str(joined), done.stderr


def test_a_question_that_the_class_does_not_ask_and_a_server_that_is_none(
    room: Class, notebook: Notebook, mirror
) -> None:
    notebook.run(f"voter.join({room.address!r})\none = asked(); one.question = 'Another?'; one.commit(0)")
    notebook.waits_until("'for you alone' in one.outcome.value")
    other = mirror({"WRONG2/join": b"<html>"}).url("WRONG2")
    for address in (other, room.address[:-7] + "WRONG2", "no address", "", "file:///etc", "http://127.0.0.1:1/A/"):
        assert notebook.run(f"voter.join({address!r})").startswith("No class at ")
    notebook.run("one = asked(); one.commit(2)")
    notebook.waits_until("'vote is in' in one.outcome.value")
    assert room.counts() == [[0, 0, 1, 0]], "the seat is still that of the class"


# --- the lessons' questions ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("topic", notebooks.TOPICS)
def test_every_prediction_of_a_lesson_can_be_voted_on(topic: str) -> None:
    """It stands there as plain text, and each option of lessons that say so has its misconception and an answer."""
    found = questions_of(notebooks.notebook(topic))
    written = sum(cell.source.count("Prediction(") for cell in notebooks.cells(topic, "predict"))
    assert len(found) == written >= 1
    for question in found.values():
        assert set(question.wrong) == set(range(len(question.options))) - {question.answer}, question.text
        assert all(len(text) > 10 for pair in question.wrong.values() for text in pair)


def test_the_right_answer_has_no_favourite_place() -> None:
    """Or students learn to click there: it once stood third in 20 of 39 questions, and never first."""
    asked = [one for topic in notebooks.TOPICS for one in questions_of(notebooks.notebook(topic)).values()]
    places = Counter(question.answer for question in asked)
    assert 0.1 * len(asked) < min(places[place] for place in range(4)) <= max(places.values()) < 0.4 * len(asked)


def test_many_threads_of_one_person_have_one_vote(room: Class) -> None:
    voter = room.seat()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda choice: room.vote(voter, choice % 4), range(40)))
    assert sum(map(sum, room.counts())) == 1 and found.count(200) == 10
