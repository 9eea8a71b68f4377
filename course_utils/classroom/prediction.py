"""Predict, commit, reveal: the learner chooses an answer before the figure appears."""

import html
from collections.abc import Mapping, Sequence
from typing import Any

import ipywidgets
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from course_utils.classroom.explorer import image_html, with_fallback
from course_utils.classroom.plots import to_png
from course_utils.data.locate import own_folder
from course_utils.data.require import require


class Prediction(ipywidgets.VBox):
    """A question with a few answers. The figure and the explanation appear once an answer is committed, and stay.

    Where the user has joined a class (see `voter`) the answer is a vote, too, and the figure waits for the class; there
    may be a second vote before it. A button shows it at once, and it comes by itself if the class's server is gone.

    Args:
        question: one sentence.
        options: the answers to choose from.
        answer: the place of the right one in `options`, from 0.
        because: the explanation, one or two sentences.
        reveal: the figure that settles it.
        alt: what the figure shows, in words.
        wrong: by the place of a wrong answer, the misconception behind it, and what to say to who has it.
    """

    def __init__(
        self,
        question: str,
        options: Sequence[str],
        *,
        answer: int,
        because: str,
        reveal: Figure,
        alt: str,
        wrong: Mapping[int, tuple[str, str]] | None = None,
    ):
        places = range(len(options)) if len(options) >= 2 else ()
        require(answer in places, "answer", answer, "the place of one of at least two options, from 0")
        require(bool(alt.strip()), "alt", alt, "a sentence that says what the figure shows")
        require(set(wrong or ()) <= set(places) - {answer}, "wrong", sorted(wrong or ()), "places of wrong answers")
        self.question, self.options, self.answer = question, tuple(options), answer
        self.because, self.alt, self.wrong = because, alt, dict(wrong or {})
        self.png = to_png(reveal)
        plt.close(reveal)
        self.committed: int | None = None
        self.round, self.revealed = 1, False
        self.choice = ipywidgets.RadioButtons(
            options=[(text, place) for place, text in enumerate(options)], value=None, layout={"width": "max-content"}
        )
        self.button = ipywidgets.Button(description="Commit", button_style="primary", disabled=True)
        self.outcome = ipywidgets.HTML()
        self.choice.observe(lambda change: setattr(self.button, "disabled", change["new"] is None), "value")
        self.button.on_click(lambda _: self.reveal() if self.choice.disabled else self.commit(self.choice.value))
        super().__init__(
            [ipywidgets.HTML(f"<b>Predict.</b> {html.escape(question)}"), self.choice, self.button, self.outcome]
        )

    def commit(self, choice: int) -> None:
        """Fix the choice, and reveal or vote. A second commit changes nothing, unless a second vote is asked for."""
        if self.choice.disabled:
            return
        self.choice.value = choice  # refuses what is no option
        self.committed = choice
        self.choice.disabled = self.button.disabled = True
        if not self._attend():
            self.reveal()

    def _attend(self) -> bool:
        """Whether a class has the vote; the code for it is loaded by who has taken a seat."""
        try:
            if not (own_folder() / "seat.json").exists():
                return False
        except OSError:  # a folder that may not be entered
            return False
        from course_utils.classroom import voter

        return voter.attend(self)

    def hold(self) -> None:
        """The vote is in; the class has not come to the answer yet."""
        if not self.revealed:
            self.button.description, self.button.disabled = "Show the answer now", False
            self.button.layout.width = "max-content"
            self.outcome.value = "<p>Your vote is in. The answer comes when your class has it.</p>"

    def ask_again(self) -> None:
        """Open the second vote."""
        if not self.revealed:
            self.round = 2
            self.button.description, self.choice.disabled = "Commit", False
            self.outcome.value = "<p><b>Second vote.</b> Talk with your neighbour, then choose again.</p>"

    def reveal(self, note: str = "") -> None:
        """Show the answer and the figure, once; before them, a line about what became of the vote."""
        if self.revealed:
            return
        self.revealed = self.choice.disabled = self.button.disabled = True
        right = self.committed == self.answer
        verdict = "You were right." if right else f"It is: {self.options[self.answer]}."
        said = " ".join([self.because, *self.wrong.get(self.committed, ("", ""))[1:]])
        self.outcome.value = (
            (f"<p><i>{html.escape(note)}</i></p>" if note else "")
            + f"<p><b>{html.escape(verdict)}</b> {html.escape(said.strip())}</p>"
            + image_html(self.png, self.alt)
        )

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict]:
        options = "".join(f"<li>{html.escape(option)}</li>" for option in self.options)
        folded = (
            f"<p><b>Predict.</b> {html.escape(self.question)}</p><ul>{options}</ul>"
            f"<details><summary>Choose first, then open</summary><p><b>{html.escape(self.options[self.answer])}.</b> "
            f"{html.escape(self.because)}</p>{image_html(self.png, self.alt)}</details>"
        )
        return with_fallback(super()._repr_mimebundle_(**kwargs), {"text/html": folded})
