"""A lesson at the buttons: name pictures, study some, name new ones. Notebook 12.

The plan and the scores are those of `utils.teaching`; here are a picture, buttons and a line of
words. Tab and Space work on every button; with the focus on one of them so do the letter of each
class and N for the next page. Where buttons cannot live, the guide stands there as a picture.
They run on ipywidgets 7.7 (Colab) and 8.
"""

import html
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from utils import plots, teaching, valid
from utils.explore import panels

SIDE, GAP = 224, 8  # pixels of a picture on the screen, and between two
NEXT = "Next page (N)"


class Lesson:
    """Pictures with a plan; `progress` says how far its learner is."""

    def __init__(
        self,
        pictures: Tensor,
        plan: teaching.Plan,
        names: Sequence[str],
        maps: Tensor | None = None,
    ) -> None:
        self.pictures = valid.tensor(pictures, "the pictures", "N 3 h w")
        self.maps = None if maps is None else valid.finite(maps, "the maps", "N H W")
        if len(self.pictures) != len(plan.truth) or len(names) != plan.n_classes:
            raise ValueError(
                f"the plan is for {len(plan.truth)} pictures of {plan.n_classes} classes: "
                f"{len(self.pictures)} pictures and {len(names)} names came"
            )
        if self.maps is not None and len(self.maps) != len(self.pictures):
            raise ValueError(f"{len(self.pictures)} pictures, but {len(self.maps)} maps")
        self.names = list(names)
        self.progress = teaching.Progress(plan)

    def answer(self, c: int) -> None:
        """Name the picture that is asked for; where none is, nothing happens."""
        if self.progress.stage in ("first round", "second round"):
            self.progress = self.progress.answered(c)

    def turn(self) -> None:
        """Go on to the next page of the study; elsewhere nothing happens."""
        if self.progress.stage == "study":
            self.progress = self.progress.turned()

    def play(self, called: Tensor) -> None:
        """Go through the rest as somebody does who calls picture i `called[i]`: (N,) int."""
        called = valid.tensor(called, "the answers", "N", "whole numbers")
        while self.progress.stage != "done":
            if self.progress.stage == "study":
                self.turn()
            else:
                self.answer(int(called[self.progress.picture]))

    def shown(self) -> tuple[Image.Image, str]:
        """What is to be seen now, and in words."""
        p = self.progress
        if p.stage == "study":
            page = p.plan.study[p.pages]
            light = "" if self.maps is None else " Bright: what speaks for it."
            words = (
                f"Study, page {p.pages + 1} of {len(p.plan.study)}: {self.names[p.pages]}.{light}"
            )
            return beside([self._card(i, self.maps is not None) for i in page], 3), words
        if p.stage == "done":
            return self.guide(), teaching.report(p)
        k, n = p.number
        words = f"{p.stage.capitalize()}, picture {k} of {n}: which is it?"
        return beside([self._card(p.picture)], 1), words

    def guide(self) -> Image.Image:
        """One card of each class, in the order of the names."""
        cards, side = [self._card(i) for i in self.progress.plan.guide], SIDE // 2
        sheet, font = beside(cards, len(cards), side), ImageFont.load_default(18)
        for k, name in enumerate(self.names):
            at = (k * (side + GAP) + 5, 2)
            ImageDraw.Draw(sheet).text(at, name, "white", font, stroke_width=2, stroke_fill="black")
        return sheet

    def _card(self, i: int, lit: bool = False) -> np.ndarray:
        if lit and self.maps is not None:
            return plots.overlay(self.pictures[i], self.maps[i], 0.45)
        return plots.as_array(self.pictures[i])


def beside(cards: Sequence[np.ndarray], columns: int, side: int = SIDE) -> Image.Image:
    """Cards in rows on white: (h, w, 3) floats in 0..1 each."""
    rows, step = -(-len(cards) // columns), side + GAP
    sheet = Image.new("RGB", (columns * step - GAP, rows * step - GAP), "white")
    for k, card in enumerate(cards):
        small = Image.fromarray((255 * card).astype(np.uint8)).resize((side, side))
        sheet.paste(small, (k % columns * step, k // columns * step))
    return sheet


def lesson(
    pictures: Tensor, plan: teaching.Plan, names: Sequence[str], maps: Tensor | None = None
) -> Lesson:
    """Show a lesson: pictures (N, 3, h, w) uint8, and maps (N, H, W) that the study may lay on.

    Without maps the pages show the pictures alone: the lesson of a control group. `lesson.progress`
    holds the answers. Raises ValueError where pictures, plan, names and maps do not go together.
    Notebook 12.
    """
    made = Lesson(pictures, plan, names, maps)
    first = f"One of each: {', '.join(made.names)}. Press a button to say which a picture shows."
    bundle: dict[str, Any] = {"image/png": panels.png(made.guide()), "text/plain": first}
    panels.shown(bundle, lambda: _panel(made), "buttons", {"alt": first})
    return made


def _panel(made: Lesson):
    """Guide, picture, words and buttons as one widget. Raises ImportError without ipywidgets."""
    import ipywidgets as widgets

    wide = widgets.Layout(width="auto", min_width="4em")
    buttons = [widgets.Button(description=name, layout=wide) for name in made.names]
    turn = widgets.Button(description=NEXT, layout=wide)
    image, status = widgets.HTML(), widgets.HTML()
    guide = widgets.HTML(panels.pictured(made.guide(), f"One of each: {', '.join(made.names)}"))

    def draw() -> None:
        picture, words = made.shown()
        image.value, status.value = panels.pictured(picture, words), panels.said(words)
        asking = made.progress.stage in ("first round", "second round")
        for button in buttons:
            button.disabled = not asking
        turn.disabled = made.progress.stage != "study"

    def press(button: Any, does: Callable[[], None]) -> None:
        def pressed(_: Any) -> None:
            stage = made.progress.stage
            does()
            draw()
            if made.progress.stage != stage:  # the button that had the focus is off now
                _focus(turn if made.progress.stage == "study" else buttons[0])

        button.on_click(pressed)

    for c, (button, name) in enumerate(zip(buttons, made.names, strict=True)):
        button.tooltip = f"It is {name}: press {name[0]}"
        press(button, partial(made.answer, c))
    turn.tooltip = "The next page of the study: press N"
    press(turn, made.turn)
    draw()
    row = widgets.HBox([*buttons, turn], layout=widgets.Layout(flex_flow="row wrap"))
    title = f"<b>One of each: {html.escape(', '.join(made.names))}</b>"
    panel = widgets.VBox([widgets.HTML(title), guide, status, row, image])
    panel.add_class(panels.LETTERS)
    return panel


def _focus(button: Any) -> None:
    if hasattr(button, "focus"):  # ipywidgets 8
        button.focus()
