"""The exercises: one file for each notebook, named as the notebook without its number.

`exercise` says what an exercise consists of, `judge` runs a learner's function in safety.
"""

from utils.check.exercise import Exercise, exercise

__all__ = ["Exercise", "exercise"]
