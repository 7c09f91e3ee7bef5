"""The checks of an assignment, for the student's notebook: public cases without the solution.

An assignment's notebook carries, as one line of text, what its solutions and usual mistakes give
on a few public cases. So an answer is told right or wrong, and a mistake by its name, as in the
course; the solution itself stays with the teacher, and the grade is made on other cases.
"""

import base64
import json
import zlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

from utils.check.exercise import RIGHT, UNANSWERED
from utils.check.judge import Known, Outcome, compared, trials
from utils.check.wire import packed, unpacked


class Check(NamedTuple):
    """One question's check: called with a function, it says what is right or wrong about it."""

    cases: Sequence[tuple]
    wanted: Sequence[Outcome]
    known: Sequence[Known]
    right: str
    tolerance: float

    def __call__(self, answer: Callable) -> bool:
        """Print what is to be said of `answer`; True if it is right on the public cases."""
        if not callable(answer):
            print("Not yet: give the check your function, without calling it.")
            return False
        found = trials(answer, self.cases)
        if found[0].printed:
            print(found[0].printed.rstrip())
        seen = compared(found, self.wanted, self.cases, self.known, self.tolerance)
        if seen.right:
            print(f"{RIGHT} {self.right}\nThe grade is made on cases that you have not seen.")
        elif seen.words:
            print(f"Not yet: {seen.words}")
        else:
            print(f"{UNANSWERED}: the function gives nothing back.")
        return seen.right


def sealed(checks: dict[str, Check]) -> str:
    """Checks as one line of text."""
    data = {
        name: [
            packed(check.cases),
            packed(list(check.wanted)),
            [[k.sentence, packed(list(k.outcomes)), list(k.at)] for k in check.known],
            check.right,
            check.tolerance,
        ]
        for name, check in checks.items()
    }
    text = json.dumps(data, separators=(",", ":")).encode()
    return base64.b85encode(zlib.compress(text, 9)).decode("ascii")


def opened(line: str) -> dict[str, Check]:
    """The checks again, by the name of their function."""
    data = json.loads(zlib.decompress(base64.b85decode(line)))
    return {
        name: Check(
            unpacked(cases),
            unpacked(wanted),
            [Known(sentence, unpacked(outcomes), tuple(at)) for sentence, outcomes, at in known],
            right,
            tolerance,
        )
        for name, (cases, wanted, known, right, tolerance) in data.items()
    }
