"""Explorers: pictures that answer to a menu and sliders; and guesses, which the learner puts down.

One file for each; thin over the modules of `utils`. Notebook 00 shows the first ones.
"""

from utils.explore.classes import explorer
from utils.explore.lessons import Lesson, lesson
from utils.explore.own import network, own_picture, webcam
from utils.explore.predictions import guess, guesses

__all__ = ["Lesson", "explorer", "guess", "guesses", "lesson", "network", "own_picture", "webcam"]
