"""Controls that a kernel answers: guesses, a picture and a network of your own, a lesson.

One file for each; thin over the modules of `utils`. Notebook 00 shows the first guess. (What works
without a kernel lives in `utils.live`.)
"""

from utils.explore.lessons import Lesson, lesson
from utils.explore.own import network, own_picture, webcam
from utils.explore.predictions import guess, guesses

__all__ = ["Lesson", "guess", "guesses", "lesson", "network", "own_picture", "webcam"]
