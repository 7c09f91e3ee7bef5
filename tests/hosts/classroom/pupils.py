"""Students to rehearse with: notebooks as they come back, made from the release."""

import copy
import inspect
import json
import re
import textwrap
from functools import cache

import pytest
from nbformat import NotebookNode

from tools import links
from tools.classroom import release
from tools.classroom.sandbox import CONTAINER
from tools.classroom.source import Assignment, Question, assignment

SLUG = links.address()


def figure_code(work: Assignment) -> str:
    """The solution of the question that draws."""
    return work.drawing.code


def handed_out(work: Assignment, seed: int = 1) -> NotebookNode:
    """A notebook as students get it."""
    return copy.deepcopy(_made(work.name, seed))


@cache
def _made(name: str, seed: int) -> NotebookNode:
    return release.notebook(assignment(name), seed, SLUG)


def answered(
    work: Assignment, seed: int = 1, words: str = "I looked: 41 of 60 cells.", **answers: str
) -> NotebookNode:
    """A notebook with every solution, or with `answers` by the name of the question instead."""
    nb = handed_out(work, seed)
    codes = {q.name: q.code for q in work.questions} | {work.drawing.name: figure_code(work)}
    for name, source in (codes | answers).items():
        cell(nb, name).source = source
    cell(nb, work.writing.name).source = words
    return nb


def cell(nb: NotebookNode, name: str) -> NotebookNode:
    """The cell in which a question is answered."""
    end = "-" + name.replace("_", "-")
    roles = ("answer", "written")
    return next(c for c in nb.cells if c.id.endswith(end) and c.metadata.get("role") in roles)


def way(question: Question, text: str) -> str:
    """A function, from a whole one or from what it returns."""
    if text.lstrip().startswith("def "):
        return "import math\nimport numpy as np\n\n" + textwrap.dedent(text).strip()
    head = f"def {question.name}{inspect.signature(question.solution)}:"
    return f"import math\nimport numpy as np\n\n{head}\n    return {text}"


def mistaken(question: Question, number: int) -> str:
    """The code of a usual mistake, as a student would write it."""
    right = f"{question.name}_right"
    own = question.code.replace(f"def {question.name}(", f"def {right}(", 1)
    wrong = re.sub(r"\bsolution\(", f"{right}(", question.edited(*question.rows[number]))
    return f"{own}\n\n\n{wrong}"


def skip_without_a_jail(refused: ValueError) -> None:
    """Skip where there can be no jail; raises any other error again."""
    if CONTAINER not in str(refused):
        raise refused
    pytest.skip(f"no jail here: {refused}")


def text_of(nb: NotebookNode) -> str:
    """A notebook's file."""
    return json.dumps(nb)
