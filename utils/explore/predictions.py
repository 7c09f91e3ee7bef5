"""Guesses: put down before a cell runs, judged behind it, counted at the end of the notebook.

    tripod = explore.guess("Where will tripod light up?", ["legs", "camera", "man"])
    tripod.is_("legs")  # in or behind the cell that shows it
    explore.guesses()  # at the end: You put down 5 guesses; 3 came true.

A guess that nobody puts down breaks nothing and says nothing. Where buttons cannot live (GitHub, no
ipywidgets), question and choices stand there as text. Notebook 00 shows the first one.
"""

import html
from collections.abc import Callable, Sequence
from typing import Any

from IPython.display import display

from utils.explore import panels

_asked: dict[str, "Guess"] = {}  # by question, in the order in which they were asked


class Guess:
    """A question, its choices, what was put down (`mine`) and what came out (`truth`)."""

    def __init__(self, question: str, choices: Sequence[str], mine: str = ""):
        self.question, self.choices = question, list(choices)
        self.truth: tuple[str, ...] = ()
        self.close: Callable[[], None] = lambda: None  # the buttons', once the answer is known
        self.mine = self._known(mine) if mine else ""

    def _known(self, choice: str) -> str:
        if choice not in self.choices:
            raise ValueError(f"{choice!r} is none of the choices; take one of {self.choices}")
        return choice

    def is_(self, *truth: str) -> None:
        """Judge the guess: it came true if it is one of `truth`. Says so, if there is one.

        Raises ValueError where `truth` is none of the choices.
        """
        self.truth = tuple(self._known(choice) for choice in truth)
        self.close()
        if self.mine:
            print(self.verdict())

    def came_true(self) -> bool:
        return self.mine in self.truth

    def verdict(self) -> str:
        """What was put down, and what it is."""
        rest = "and so it is." if self.came_true() else f"and it is: {' or '.join(self.truth)}."
        return f"You put down: {self.mine}, {rest}"


def guess(question: str, choices: Sequence[str], mine: str = "") -> Guess:
    """Ask for a guess, with one button for each choice; return it, to be judged by `is_`.

    Without ipywidgets a guess is put down as `mine`. Asked again, a question begins afresh. Raises
    ValueError for a `mine` that is none of the choices. Notebook 00.
    """
    asked = _asked[question] = Guess(question, choices, mine)
    bundle: dict[str, Any] = {}
    note = f"You put down: {mine}." if mine else ""
    try:
        bundle |= panels.view(_panel(asked))
    except ImportError:
        note = note or f'To put a guess down, end the line in: , "{asked.choices[0]}")'
    words = [f"{question} {', '.join(asked.choices[:-1])} or {asked.choices[-1]}?", note]
    bundle["text/plain"] = " ".join(filter(None, words))
    bundle["text/html"] = f"<p>{html.escape(bundle['text/plain'])}</p>"  # GitHub keeps this one
    display(bundle, raw=True)
    return asked


def guesses() -> None:
    """Print how many guesses were put down and came true, and what the others turned out to be."""
    put = [asked for asked in _asked.values() if asked.mine]
    if not put:
        return print("You put down no guess this time.")
    true = sum(asked.came_true() for asked in put)
    still = sum(not asked.truth for asked in put)
    said = f"You put down {len(put)} guess{'es' * (len(put) > 1)}; {true} came true."
    print(said + f" {still} still open: run the cells behind." * bool(still))
    for asked in put:
        if asked.truth and not asked.came_true():
            print(f"  {asked.question} {asked.verdict()}")


def _panel(asked: Guess):
    """Question, buttons and a line that says what was put down. ImportError without ipywidgets."""
    import ipywidgets as widgets

    wide = widgets.Layout(width="auto")
    buttons = [widgets.Button(description=choice, layout=wide) for choice in asked.choices]
    status = widgets.HTML()

    def say(text: str) -> None:
        status.value = panels.said(text)

    def mark() -> None:
        for button, choice in zip(buttons, asked.choices, strict=True):
            button.description = "✔ " * (choice == asked.mine) + choice

    def put_down(choice: str) -> None:
        asked.mine = choice
        mark()
        say(f"You put down: {choice}.")

    def close() -> None:
        for button in buttons:
            button.disabled = True
        late = "The answer is out. To guess, run this cell again, then the next."
        say(asked.verdict() if asked.mine else late)

    for button, choice in zip(buttons, asked.choices, strict=True):
        button.tooltip = f"{asked.question} {choice}"
        button.on_click(lambda _, choice=choice: put_down(choice))
    mark()
    asked.close = close
    row = widgets.HBox(buttons, layout=widgets.Layout(flex_flow="row wrap"))
    return widgets.VBox([widgets.HTML(f"<b>{html.escape(asked.question)}</b>"), row, status])
