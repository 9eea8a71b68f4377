"""Predict, commit, reveal: the learner chooses an answer before the figure appears."""

import html
from collections.abc import Sequence
from typing import Any

import ipywidgets
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from course_utils.classroom.explorer import image_html, with_fallback
from course_utils.classroom.plots import to_png


class Prediction(ipywidgets.VBox):
    """A question with a few answers. The figure and the explanation appear once an answer is committed, and stay.

    Args:
        question: one sentence.
        options: the answers to choose from.
        answer: the place of the right one in `options`, from 0.
        because: the explanation, one or two sentences.
        reveal: the figure that settles it.
        alt: what the figure shows, in words.
    """

    def __init__(self, question: str, options: Sequence[str], *, answer: int, because: str, reveal: Figure, alt: str):
        if len(options) < 2 or not 0 <= answer < len(options):
            raise ValueError(f"answer is {answer}; it must be the place of one of at least two options, from 0")
        if not alt.strip():
            raise ValueError("alt is empty; say in a sentence what the figure shows")
        self.question, self.options, self.answer = question, tuple(options), answer
        self.because, self.alt = because, alt
        self.png = to_png(reveal)
        plt.close(reveal)
        self.committed: int | None = None
        self.choice = ipywidgets.RadioButtons(
            options=[(text, place) for place, text in enumerate(options)], value=None, layout={"width": "max-content"}
        )
        self.button = ipywidgets.Button(description="Commit", button_style="primary", disabled=True)
        self.outcome = ipywidgets.HTML()
        self.choice.observe(lambda change: setattr(self.button, "disabled", change["new"] is None), "value")
        self.button.on_click(lambda _: self.commit(self.choice.value))
        super().__init__(
            [ipywidgets.HTML(f"<b>Predict.</b> {html.escape(question)}"), self.choice, self.button, self.outcome]
        )

    def commit(self, choice: int) -> None:
        """Fix the choice and reveal. A second commit changes nothing."""
        if self.committed is not None:
            return
        self.choice.value = choice  # refuses what is no option
        self.committed = choice
        self.choice.disabled = self.button.disabled = True
        verdict = "You were right." if choice == self.answer else f"It is: {self.options[self.answer]}."
        self.outcome.value = f"<p><b>{html.escape(verdict)}</b> {html.escape(self.because)}</p>" + image_html(
            self.png, self.alt
        )

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict]:
        options = "".join(f"<li>{html.escape(option)}</li>" for option in self.options)
        folded = (
            f"<p><b>Predict.</b> {html.escape(self.question)}</p><ul>{options}</ul>"
            f"<details><summary>Choose first, then open</summary><p><b>{html.escape(self.options[self.answer])}.</b> "
            f"{html.escape(self.because)}</p>{image_html(self.png, self.alt)}</details>"
        )
        return with_fallback(super()._repr_mimebundle_(**kwargs), {"text/html": folded})
