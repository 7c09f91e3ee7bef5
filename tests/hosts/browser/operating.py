"""Each kind of live figure operated by keys and by mouse, what it then shows held against `utils`.

`OPERATE[kind](figure)` takes the element of a figure that nobody has touched, on any page.
"""

import itertools
import re

import reading
from reading import drawn
from shown import BIRD, PLACES, SWITCH, net, picture, test, variants

LETTERS = "bddxzm"  # each does something to a notebook's cells when JupyterLab hears it


def cells_of(page) -> list[list[bool]]:
    """What JupyterLab's own keys would change: the cells, their kinds, and which one is active."""
    of_each = "cells => cells.map(c => ['.jp-CodeCell', '.jp-mod-active'].map(k => c.matches(k)))"
    return page.locator(".jp-Cell").evaluate_all(of_each)


def press(control, *keys: str) -> None:
    """Keys go to the control, and to nothing else."""
    control.focus()
    before = cells_of(control.page)
    for key in keys:
        control.page.keyboard.press(key)
    assert cells_of(control.page) == before
    drawn(control.page)


def click_at(control, share: float) -> None:
    """A click somewhere on a control, as wide as a share of it."""
    frame = control.bounding_box()
    control.click(position={"x": share * frame["width"], "y": frame["height"] / 2})
    drawn(control.page)


def value_of(slider) -> float:
    return float(slider.input_value())


def chosen(menu) -> str:
    """The last word of what a menu shows."""
    return menu.evaluate("m => m.selectedOptions[0].text").split("\u2003")[-1]


def explorer(figure) -> None:
    """The class, the threshold, the cell, the search, the colours."""
    menu, field = figure.get_by_role("listbox"), figure.get_by_role("searchbox")
    slider = figure.get_by_role("slider", name="Threshold")
    surface = figure.get_by_role("application")
    reading.check_class(figure, "car")
    press(menu, "Home", "ArrowDown")
    reading.check_class(figure, chosen(menu))
    press(slider, "Home", "ArrowUp", *LETTERS)
    reading.check_class(figure, chosen(menu), 0.01)
    menu.locator("option").nth(4).click()
    click_at(slider, 0.6)
    assert value_of(slider) > 0.4
    reading.check_class(figure, chosen(menu), value_of(slider))
    press(field, *"mush", "ArrowDown")
    assert chosen(menu) == "mushroom"
    reading.check_class(figure, "mushroom", value_of(slider))
    press(surface, "Home", "PageUp", "ArrowRight", *LETTERS)
    reading.check_cell(figure, "mushroom", 0, 1)
    cells = net.cells(net.prepare(picture))
    surface.scroll_into_view_if_needed()
    figure.page.mouse.move(*reading.place(surface, 3, 9, cells))
    drawn(figure)
    reading.check_cell(figure, "mushroom", 3, 9)
    field.fill("")
    menu.select_option(index=0)
    press(slider, "Home", "PageUp")
    M = reading.check_class(figure, "car", value_of(slider))
    reading.check_overlay(figure, picture, M, 0.6, cells)
    reading.check_box(figure, reading.box_in(reading.words(figure)))


def bench(figure) -> None:
    """Weights, channels off, another class, the counterfactual, and back."""
    changed, bird = reading.Changed(), net.index("bird")
    sliders, ticks = figure.get_by_role("slider"), figure.get_by_role("checkbox")
    changed.check(figure)
    for at, act in ((0, lambda s: press(s, "End", *LETTERS)), (1, lambda s: click_at(s, 0.2))):
        act(sliders.nth(at))
        changed.w[bird, changed.pays("bird")[at]] = value_of(sliders.nth(at))
        changed.check(figure)
    press(ticks.nth(2), *LETTERS, "Space")
    ticks.nth(3).click()
    drawn(figure)
    changed.f[:, changed.pays("bird")[2:4]] = 0
    changed.check(figure)
    changed.check_map(figure)
    menu = figure.get_by_role("combobox", name="Class", exact=True)
    press(menu, "ArrowDown")
    assert chosen(menu) != "bird"
    changed.check(figure, chosen(menu))
    changed.check_map(figure, chosen(menu))
    menu.select_option("bird")
    press(figure.get_by_role("button", name="Reset"), "Enter")
    changed = reading.Changed()
    changed.check(figure)
    figure.get_by_role("button", name="by channels").click()
    drawn(figure)
    off = [int(k) for k in re.findall(r"\d+", reading.words(figure).split("channels:")[1])]
    changed.f[:, off] = 0
    assert changed.check(figure).argmax() == net.index("cup")
    press(figure.get_by_role("button", name="by weights"), "Enter")
    assert reading.words(figure).startswith("cup wins after the smallest change of weights")
    best = figure.locator(".cl-short .cl-bar").first
    assert best.inner_text().startswith("cup")


def sweep(*labels: str):
    """The network, the class, the threshold of the figures that show one or the other."""

    def operate(figure) -> None:
        slider = figure.get_by_role("slider", name="Threshold")
        menu = figure.get_by_role("combobox", name="Class", exact=True)
        radios = [figure.get_by_role("radio", name=label, exact=True) for label in labels]
        reading.check_variant(figure, labels[0], "bird", 0.2)
        press(radios[0], *LETTERS, "ArrowRight")
        reading.check_variant(figure, labels[1], "bird", 0.2)
        press(slider, "End", *LETTERS)
        reading.check_variant(figure, labels[1], "bird", 0.95)
        for label, radio in zip(labels, radios, strict=True):
            radio.click()
            click_at(slider, 0.3)
            assert 0.2 < value_of(slider) < 0.4
            reading.check_variant(figure, label, "bird", value_of(slider))
            v = variants[label]
            M = v.M[test.class_names.index("bird")]
            reading.check_overlay(figure, test.images[BIRD], M, 0.55, v.cells)
            reading.check_box(figure, reading.box_in(reading.words(figure)))
        press(menu, "ArrowDown")
        assert chosen(menu) != "bird"
        reading.check_variant(figure, labels[-1], chosen(menu), value_of(slider))

    return operate


def paint(figure) -> None:
    """A stroke by mouse, cells by keys, the map, a mark taken away, all of them."""
    v, surface = variants["GAP"], figure.get_by_role("application")
    mouse = figure.page.mouse
    surface.scroll_into_view_if_needed()
    mouse.move(*reading.place(surface, 8, 4, v.cells))  # its middle skipped by a fast hand
    mouse.down()
    mouse.move(*reading.place(surface, 8, 9, v.cells))
    mouse.up()
    press(surface, *LETTERS, "ArrowDown", "Space")
    assert reading.words(figure) == "You marked 7 of 196 cells."
    button = figure.get_by_role("button", name="Show the map")
    press(button, *LETTERS, "Enter")
    assert button.get_attribute("aria-pressed") == "true"
    row = [(8, j) for j in range(4, 10)]
    reading.check_painted(figure, [*row, (9, 9)])
    press(surface, "Space")
    reading.check_painted(figure, row)
    M = v.M[test.class_names.index("bird")]
    reading.check_overlay(figure, test.images[BIRD], M, 0.6, v.cells)
    figure.get_by_role("button", name="Clear").click()
    drawn(figure)
    assert reading.words(figure).startswith("You marked 0 of 196 cells. IoU with the true box")
    button.click()
    drawn(figure)
    assert reading.words(figure) == "You marked 0 of 196 cells."


def browser(figure) -> None:
    """Channels by slider and button, another class."""
    known, slider = reading.Channels(), figure.get_by_role("slider", name="Channel")
    known.check(figure, "bird", 0)
    known.check_map(figure, "bird", 0)
    for keys, rank in (([*LETTERS, "ArrowRight"], 1), (["End"], 63), (["Home"], 0)):
        press(slider, *keys)
        known.check(figure, "bird", rank)
    figure.get_by_role("button", name="Smaller weight").click()
    drawn(figure)
    known.check(figure, "bird", 1)
    press(figure.get_by_role("button", name="Larger weight"), "Space")
    known.check(figure, "bird", 0)
    click_at(slider, 0.5)
    known.check(figure, "bird", int(value_of(slider)) - 1)
    known.check_map(figure, "bird", int(value_of(slider)) - 1)
    menu = figure.get_by_role("combobox", name="Class")
    press(menu, "ArrowDown")
    known.check(figure, chosen(menu), 0)


def board(figure) -> None:
    """Moved, recoloured, rubbed by keys; a second thing dragged in by mouse; another class."""
    area = figure.get_by_role("application")
    first = reading.check_scores(figure)
    press(area, *LETTERS, *["ArrowRight"] * 3, "ArrowUp", "+", " ")
    moved = reading.check_scores(figure)
    press(figure.get_by_role("button", name="yellow", exact=True), "Enter")
    yellow = reading.check_scores(figure)
    press(figure.get_by_role("button", name="erase"), "Enter")
    press(area, "Space", "ArrowUp", "Space")
    rubbed = reading.check_scores(figure)
    frame, mouse = figure.locator(".cl-above").bounding_box(), figure.page.mouse
    fish = figure.get_by_role("button", name="Add a fish").bounding_box()
    mouse.move(fish["x"] + 20, fish["y"] + 20)
    mouse.down()
    for share in (0.3, 0.5, 0.7):
        mouse.move(frame["x"] + share * frame["width"], frame["y"] + 0.2 * frame["height"])
    mouse.up()
    added = reading.check_scores(figure)
    assert added[net.index("fish")] > rubbed[net.index("fish")]
    seen = (first, moved, yellow, rubbed, added)
    assert all((a != b).any() for a, b in itertools.pairwise(seen))
    figure.get_by_role("radio", name="fish").click()
    press(figure.get_by_role("slider", name="Opacity"), "End")
    scores = reading.check_scores(figure)
    mean, b, S = reading.numbers(reading.equation(figure).removeprefix("fish:"))
    assert abs(mean + b - S) < 1e-6 and abs(S - scores[net.index("fish")]) < 0.006
    reading.check_board_map(figure, "fish")


OPERATE = {
    "explorer": explorer,
    "bench": bench,
    "switch": sweep(*SWITCH),
    "thresholds": sweep(*PLACES),
    "paint": paint,
    "browser": browser,
    "board": board,
}
