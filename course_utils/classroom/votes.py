"""The class answers the predictions of a lesson: a small web server for one lesson and one room.

    python noxfile.py -s votes -- li_readout --listen 192.168.1.5

It runs only where an instructor starts it. Students vote in their own notebooks (see `voter`) or on its page. A vote is
final: commitment is what makes a guess teach. After a talk with the neighbour there is a second one (peer instruction:
C. H. Crouch, E. Mazur, Am. J. Phys. 69, 2001). The server knows voters by numbers that it made up, keeps no names and
no addresses, and writes nothing down: when it stops it prints the table of the votes, and forgets.
"""

import argparse
import asyncio
import hmac
import json
import re
import secrets
import signal
from pathlib import Path

import segno
from tornado import httpserver, web

from course_utils.classroom.questions import Question, beliefs, questions_of
from course_utils.data.locate import COURSE_ROOT

PAGE = Path(__file__).with_name("votes.html")
LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"  # none that is read as another
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src 'self'; connect-src 'self'"


class Room:
    """The votes of one class. Its code lets students in; its key, the instructor."""

    def __init__(self, questions: dict[str, Question], address: str, seats: int = 250):
        self.questions, self.seats, self.voters = questions, seats, set()
        self.code, self.key = "".join(secrets.choice(LETTERS) for _ in range(6)), secrets.token_urlsafe(16)
        self.address = f"{address.rstrip('/')}/{self.code}/"
        self.shown: str | None = None  # the question on the wall

    def join(self) -> dict:
        """A seat. Nobody is asked for a name, so the page shows how many are taken."""
        if len(self.voters) >= self.seats:
            raise web.HTTPError(429, "every seat is taken")
        self.voters.add(voter := secrets.token_urlsafe(9))
        return {"voter": voter}

    def vote(self, voter: str, question: str, round: int, choice: int) -> dict:
        """Count a vote once, however often it is sent; another one in the same round is refused."""
        if voter not in self.voters:
            raise web.HTTPError(403, "join first")
        asked = self.questions[question]
        if not type(round) is type(choice) is int or choice not in range(len(asked.options)):
            raise web.HTTPError(400, "not understood")
        if round != len(asked.rounds) or asked.revealed:
            raise web.HTTPError(409, "this round is over")
        if asked.rounds[-1].setdefault(voter, choice) != choice:
            raise web.HTTPError(409, "you have voted")
        return self.state(question)

    def host(self, do: str, question: str | None) -> dict:
        """Show a question, open its second round, or reveal its answer."""
        asked = self.questions[question] if question else None
        if do == "show":
            self.shown = question
        elif do == "second" and asked and len(asked.rounds) == 1 and not asked.revealed:
            asked.rounds.append({})
        elif do == "reveal" and asked:
            asked.revealed = True
        return self.state(host=True)

    def state(self, question: str | None = None, host: bool = False) -> dict:
        """What pages show of one question, by default the one on the wall. Counts are for the instructor."""
        key, keys = question or self.shown, list(self.questions)
        seen = {"question": key, "of": len(keys)}
        if key and key not in keys:
            raise web.HTTPError(404, "no such question")
        if key:
            asked = self.questions[key]
            seen |= {"number": keys.index(key) + 1, "text": asked.text, "options": asked.options}
            seen |= {"round": len(asked.rounds), "revealed": asked.revealed, "answer": None}
            seen |= {"answer": asked.answer, "because": asked.because} if asked.revealed else {}
            seen |= {"counts": asked.counts()} if host else {}
        return seen | ({"address": self.address, "joined": len(self.voters), "keys": keys} if host else {})


class Door(web.RequestHandler):
    """/CODE/ is the page; below it `state` and `qr` are read, and `join`, `vote` and `host` are sent to."""

    def initialize(self, room: Room) -> None:
        self.room = room

    def prepare(self) -> None:
        self.set_header("Content-Security-Policy", POLICY)
        self.set_header("Cache-Control", "no-store")
        self.known = hmac.compare_digest(self.path_args[0].upper().encode(), self.room.code.encode())
        given = self.request.headers.get("Authorization", "").encode()
        self.host = hmac.compare_digest(given, f"Bearer {self.room.key}".encode())
        if self.path_args[1] and not self.known:
            raise web.HTTPError(404, "no class has this code")

    def get(self, code: str, what: str) -> None:
        if what == "state":
            self.write(self.room.state(self.get_query_argument("question", ""), self.host))
        elif what == "qr":
            self.set_header("Content-Type", "image/svg+xml")
            segno.make(self.room.address).save(self, kind="svg", scale=8, light="white")
        else:
            self.set_status(200 if self.known or not code else 404)
            self.write(PAGE.read_text(encoding="utf-8"))

    def post(self, code: str, what: str) -> None:
        if what == "host" and not self.host:
            raise web.HTTPError(403, "for the instructor")
        try:
            deeds = {"join": self.room.join, "vote": self.room.vote, "host": self.room.host}
            self.write(deeds[what](**json.loads(self.request.body)))
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise web.HTTPError(400, "not understood") from error

    def write_error(self, status_code: int, **kwargs: tuple) -> None:
        self.finish({"error": getattr(kwargs["exc_info"][1], "log_message", None) or "an error of the server"})

    def log_exception(self, *_: object) -> None:
        """Nothing: tornado's line would carry the sender's address."""


async def serve(room: Room, listen: str, port: int) -> None:
    """Listen at one address of this machine for four hours; nothing is logged, and what may be sent is short."""
    paths = (r".*/(\w{6})/(\w*)", r".*/()()")  # whatever stands before is a proxy's, which passes it on or cuts it off
    application = web.Application([(path, Door, {"room": room}) for path in paths], log_function=lambda _: None)
    limits = {"max_body_size": 2000, "max_header_size": 16_000, "idle_connection_timeout": 30, "body_timeout": 5}
    httpserver.HTTPServer(application, **limits).listen(port, listen)
    print(f"For the class:   {room.address}\nFor you alone:   {room.address}#{room.key}")
    print("Ctrl-C ends it. It forgets everything then but the table that it prints.", flush=True)
    await asyncio.sleep(4 * 3600)


def main(arguments: list[str] | None = None) -> None:
    """Command line: the topic of a lesson, and where to listen."""
    parser = argparse.ArgumentParser(prog="votes", description=__doc__.partition("\n")[0])
    parser.add_argument("lesson", help="its topic, such as li_readout")
    parser.add_argument("--listen", default="127.0.0.1", help="the address of this machine in the room's network")
    parser.add_argument("--port", type=int, default=8766)
    parser.add_argument("--address", help="where students find it, if elsewhere: https://hub.example.org/services/votes")
    parser.add_argument("--seats", type=int, default=250, help="how many may join")
    options = parser.parse_args(arguments)
    topic = re.sub(r"^\d\d_|\.ipynb$", "", Path(options.lesson).name)
    lesson = next((COURSE_ROOT / "notebooks").glob(f"[0-9][0-9]_{topic}.ipynb"), None)
    if lesson is None:
        parser.error(f"lesson is {topic!r}; there is no lesson of that topic")
    address = options.address or f"http://{options.listen}:{options.port}"
    room = Room(questions_of(lesson), address, options.seats)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        asyncio.run(serve(room, options.listen, options.port))
    except OSError as error:
        parser.error(f"cannot listen at {options.listen}, port {options.port}: {error.strerror}")
    except KeyboardInterrupt:
        print()
    print(beliefs(room.questions.values())._repr_markdown_())


if __name__ == "__main__":
    main()
