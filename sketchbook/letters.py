"""An alphabet of pen strokes, so that text looks the same on every platform."""

import numpy as np

from .draw import arc, move

_L, _R, _M = 0.0, 0.6, 0.3  # left, right, middle; letters are 1 high and 0.6 wide
_BOWL = [(0.0, 0.0), (0.35, 0.0), (0.55, 0.08), (0.6, 0.25), (0.55, 0.42), (0.35, 0.5), (0.0, 0.5)]
_ROUND = [tuple(p) for p in arc(0.3, 0.5, 0.3, 0.5, 0, 360, 17)]
_OPEN = [tuple(p) for p in arc(0.3, 0.5, 0.3, 0.5, -50, -310, 13)]

LETTERS: dict[str, list[list[tuple[float, float]]]] = {
    "A": [[(_L, 1), (_M, 0), (_R, 1)], [(0.12, 0.62), (0.48, 0.62)]],
    "B": [[(0, 1), *_BOWL], [(x, y + 0.5) for x, y in _BOWL]],
    "C": [_OPEN],
    "D": [[(0, 0), (0, 1), (0.3, 1), (0.52, 0.85), (0.6, 0.5), (0.52, 0.15), (0.3, 0), (0, 0)]],
    "E": [[(_R, 0), (_L, 0), (_L, 1), (_R, 1)], [(_L, 0.48), (0.5, 0.48)]],
    "F": [[(_R, 0), (_L, 0), (_L, 1)], [(_L, 0.48), (0.5, 0.48)]],
    "G": [[*_OPEN, (0.6, 0.75), (0.6, 0.52), (0.36, 0.52)]],
    "H": [[(_L, 0), (_L, 1)], [(_R, 0), (_R, 1)], [(_L, 0.5), (_R, 0.5)]],
    "I": [[(_M, 0), (_M, 1)], [(0.12, 0), (0.48, 0)], [(0.12, 1), (0.48, 1)]],
    "J": [[(0.5, 0), (0.5, 0.75), (0.4, 0.95), (0.2, 1), (0.04, 0.9), (0, 0.7)]],
    "K": [[(_L, 0), (_L, 1)], [(_R, 0), (_L, 0.6)], [(0.18, 0.45), (_R, 1)]],
    "L": [[(_L, 0), (_L, 1), (_R, 1)]],
    "M": [[(_L, 1), (_L, 0), (_M, 0.6), (_R, 0), (_R, 1)]],
    "N": [[(_L, 1), (_L, 0), (_R, 1), (_R, 0)]],
    "O": [_ROUND],
    "P": [[(0, 1), *_BOWL]],
    "Q": [_ROUND, [(0.38, 0.7), (0.62, 1.04)]],
    "R": [[(0, 1), *_BOWL], [(0.28, 0.5), (_R, 1)]],
    "S": [[(0.58, 0.16), (0.42, 0.01), (0.18, 0.01), (0.03, 0.15), (0.05, 0.36), (0.3, 0.5),
           (0.55, 0.64), (0.57, 0.85), (0.42, 0.99), (0.18, 0.99), (0.02, 0.84)]],
    "T": [[(_L, 0), (_R, 0)], [(_M, 0), (_M, 1)]],
    "U": [[(_L, 0), (_L, 0.7), (0.1, 0.94), (0.3, 1), (0.5, 0.94), (_R, 0.7), (_R, 0)]],
    "V": [[(_L, 0), (_M, 1), (_R, 0)]],
    "W": [[(_L, 0), (0.14, 1), (_M, 0.4), (0.46, 1), (_R, 0)]],
    "X": [[(_L, 0), (_R, 1)], [(_R, 0), (_L, 1)]],
    "Y": [[(_L, 0), (_M, 0.5), (_R, 0)], [(_M, 0.5), (_M, 1)]],
    "Z": [[(_L, 0), (_R, 0), (_L, 1), (_R, 1)]],
}

WORDS = (
    "TEA", "CAFE", "OPEN", "BREAD", "SHOP", "HELLO", "FISH", "TAXI", "STOP", "EXIT", "HOTEL",
    "BOOKS", "MILK", "JAM", "ZOO", "PARK", "CAKE", "TOYS", "MAIL", "BANK", "FRUIT", "SOUP", "KIWI",
    "MUSIC", "PIZZA", "SALE", "FERRY", "LUNA", "ROSIE", "VIOLA", "WAVE", "QUAY",
)
_POINTS = max(len(stroke) for strokes in LETTERS.values() for stroke in strokes)


def word(text: str, height: float) -> tuple[np.ndarray, float]:
    """Strokes (M, V, 2) of the text around (0, 0), and its width, in the unit of `height`."""
    strokes = [move(np.array(stroke), 0.86 * i, 0) for i, letter in enumerate(text)
               for stroke in LETTERS[letter]]
    # All strokes get as many points as the longest one: the last point is repeated.
    full = np.stack([np.vstack([s, np.repeat(s[-1:], _POINTS - len(s), 0)]) for s in strokes])
    width = 0.86 * len(text) - 0.26
    return (full - (width / 2, 0.5)) * height, width * height
