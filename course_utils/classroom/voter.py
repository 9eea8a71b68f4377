"""A notebook's seat in a class that votes. Without one, or when the class's server is gone, nothing is sent.

    from course_utils.classroom import voter
    voter.join("http://192.168.1.5:8766/K7QM3T/")

Once is enough, for every lesson and every restart, until that class is over: the seat is kept in the user's own folder.
"""

import hashlib
import http.client
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any

from course_utils.data.locate import own_folder

GONE = OSError, ValueError, KeyError, TypeError, http.client.HTTPException  # nobody answers, or somebody else does
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # the class is in this room

LASTS_S = 4 * 3600  # a class


def question_key(text: str, options: Sequence[str]) -> str:
    """By what a notebook and the server know the same question."""
    return hashlib.sha256(json.dumps([text, *options]).encode()).hexdigest()[:12]


def join(address: str) -> None:
    """Take a seat in the class at this address, or keep the one there is. Says in a line whether it worked."""
    address = address.strip().partition("#")[0].rstrip("/") + "/"
    try:
        seat = _seat()
        if seat and seat["address"].upper() == address.upper():  # one person, one vote: no second seat in one class
            _ask(address + "state")["of"]
        else:
            seat = {"address": address, "voter": _ask(address + "join", {})["voter"]}
            own_folder().mkdir(parents=True, exist_ok=True)
            (own_folder() / "seat.json").write_text(json.dumps(seat), encoding="utf-8")
        print("You have a seat. What you commit to is counted, without your name.")
    except GONE as error:
        print(f"No class at {address} ({error}). Predictions work as always.")


def attend(prediction: Any) -> bool:
    """Vote in the background what a `Prediction` is committed to, and wait for the class; False if there is none.

    Whatever happens to the class, the prediction is revealed.
    """
    seat = _seat()
    if seat:
        threading.Thread(target=_attend, args=(prediction, seat), daemon=True).start()
    return bool(seat)


def _seat() -> dict | None:
    """What `join` has written, while its class may last; None if there is nothing, or something else."""
    try:
        file = own_folder() / "seat.json"
        seat = json.loads(file.read_text(encoding="utf-8")) if time.time() - file.stat().st_mtime < LASTS_S else None
        return seat if {"address", "voter"} == set(seat) and all(isinstance(v, str) for v in seat.values()) else None
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def _attend(prediction: Any, seat: dict) -> None:
    key, misses, note = question_key(prediction.question, prediction.options), 0, ""
    vote = {"question": key, "round": prediction.round, "choice": prediction.committed}
    try:
        try:
            _ask(seat["address"] + "vote", {"voter": seat["voter"], **vote})
        except urllib.error.HTTPError as refused:
            if refused.code != 409:  # an earlier vote stands, or the round is over: wait for the answer with the others
                raise
        prediction.hold()
        while vote["round"] == 1 and not prediction.revealed:  # the thread of the first vote waits for both
            try:
                state = _ask(f"{seat['address']}state?question={key}")
                misses = 0
            except GONE:
                misses += 1
                if misses == 3:
                    raise
            else:
                if state["revealed"]:
                    break
                if state["round"] == 2 and prediction.round == 1:
                    prediction.ask_again()
            time.sleep(2)
        else:
            return
    except GONE:
        note = "Your class does not ask this, or is over; this was for you alone."
    prediction.reveal(note)


def _ask(url: str, body: dict | None = None) -> dict:
    with DIRECT.open(url, None if body is None else json.dumps(body).encode(), timeout=2) as answer:
        return json.load(answer)
