"""An exercise, written once: its solution, what it is tried on, and the usual mistakes.

    @exercise(cases=[...], hint="...", right="...")
    def pooled(f):
        \"\"\"GAP: (N, K, H, W) -> (N, K).\"\"\"
        return f.mean((2, 3))

    pooled.mistakes(
        ("f.sum((2, 3))", "that is the sum over x and y."),         # this is returned instead
        ("mean", "amax", "that is the maximum (GMP)."),             # this text becomes that
        (a_function, "what to tell somebody who wrote the same."),  # another algorithm
        (["f.mean(2)", "f.mean(3)"], "both axes have to go."),      # any of these
    )

In what is returned, `solution` is the solution itself: "solution(f).squeeze()". From the exercise
`make exercises` makes the notebook's stub, check, hint and folded solution.
"""

import ast
import copy
import functools
import inspect
import textwrap
from collections.abc import Callable, Iterator, Sequence

import torch

from utils.check.judge import Known, Mistake, Tried, as_tensor, verdict

RIGHT, UNANSWERED = "\N{WHITE HEAVY CHECK MARK} Right.", "Not answered yet"


class Exercise:
    """A check: called with the learner's function, it says what is right or wrong about it."""

    def __init__(
        self, solution: Callable, cases: Sequence[tuple], hint: str, right: str, tolerance: float
    ) -> None:
        functools.update_wrapper(self, solution)
        self.solution, self.cases, self.tolerance = solution, cases, tolerance
        self.hint, self.right = inspect.cleandoc(hint), right
        self.known: list[Mistake] = []
        self._wanted, self._tried = Tried(solution, cases), dict[int, Tried]()

    def __call__(self, answer: Callable) -> Callable:
        """Print what is to be said of `answer`; give it back if it is right, else the solution.

        So the cells behind an exercise work in any case, and on the learner's own function if it
        can be trusted. Nothing is raised, whatever the answer does.
        """
        if answer is self.solution:
            print(
                f"This is the course's own {self.name}, as the last check left it. To try yours, "
                f"run the cell in which you wrote it, then this one."
            )
            return answer
        found = verdict(answer, self._wanted, self.cases, self._known(), self.tolerance)
        if found.right:
            print(f"{RIGHT} {self.right}\nFrom here on the notebook uses your {self.name}.")
            if found.changes:
                print(f"(It changes {found.changes} it is given, so it is handed copies.)")
                answer = self._on_copies(answer)
            return self._as_tensors(answer, found.dtype) if found.dtype else answer
        if found.words:
            print(f"Not yet: {found.words}")
        else:
            print(
                f"{UNANSWERED}: the function gives nothing back.\nWrite it above, end it with "
                f"return ..., run its cell, then run this one again."
            )
        print(f"Until then the notebook uses the course's {self.name}.")
        return self.solution

    def _known(self) -> Iterator[Known]:
        for i, m in enumerate(self.known):
            tried = self._tried.setdefault(i, Tried(m.function, self.cases))
            yield Known(m.sentence, tried, m.at)

    def mistakes(self, *rows: tuple, at: tuple[int, ...] = ()) -> None:
        """Add usual mistakes, each with its sentence as the last entry; see the top of this file.

        With `at` they are about one part of the result, result[at], whatever else is wrong.
        Rows of texts are edits of the solution: (what is returned instead, sentence), or (old, new,
        old, new, ..., sentence). Raises ValueError for an edit that changes nothing.
        """
        for *edits, sentence in rows:
            several = isinstance(edits[0], list)
            self.known += [
                Mistake(self._wrong(*one), sentence, at)
                for one in ([[wrong] for wrong in edits[0]] if several else [edits])
            ]

    def statements(self, **sentences: str) -> None:
        """For a solution that returns the letters of the true statements, such as {"a", "c"}.

        `a="..."` is said to whoever has a wrong, takes it for true or leaves it out. With one for
        each letter every wrong set is answered.
        """
        true = self.solution(*self.cases[0])
        for letter, sentence in sentences.items():
            self.mistakes((repr(true ^ {letter}), sentence), at=(ord(letter) - ord("a"),))

    def _wrong(self, *edits) -> Callable:
        """The function that a row of `mistakes` stands for."""
        if callable(edits[0]):
            return edits[0]
        space = self.solution.__globals__ | {"solution": self.solution}
        exec(compile(self.edited(*edits), f"<a mistake in {self.name}>", "exec"), space)
        return space[self.name]

    def edited(self, *edits: str) -> str:
        """The solution's code with a row's edits. Raises ValueError for one that changes nothing."""
        code = self.code
        if len(edits) == 1:
            code = _returning(code, edits[0])
        for old, new in zip(edits[::2], edits[1::2], strict=False):
            if old not in code or old == new:
                raise ValueError(f"{self.name}: the solution does not hold {old!r}")
            code = code.replace(old, new)
        return code

    def _on_copies(self, answer: Callable) -> Callable:
        @functools.wraps(self.solution)  # not of the answer, which may be any object
        def guarded(*arguments, **named):
            return answer(*copy.deepcopy(arguments), **copy.deepcopy(named))

        return guarded

    def _as_tensors(self, answer: Callable, dtype: torch.dtype) -> Callable:
        """The answer, its arrays, lists or tensors of another type as what the next cells expect."""

        @functools.wraps(self.solution)
        def converted(*arguments, **named):
            return as_tensor(answer(*arguments, **named), dtype)

        return converted

    # ------------------------------------------------------------ as it stands in the notebook

    @property
    def name(self) -> str:
        return self.solution.__name__

    @property
    def code(self) -> str:
        """The solution as the notebook shows it, without its docstring."""
        lines, function = _source(self.solution)
        first = function.body[1] if ast.get_docstring(function) else function.body[0]
        head = lines[function.lineno - 1 : function.body[0].lineno - 1]
        return "\n".join(head + lines[first.lineno - 1 : function.end_lineno])

    @property
    def stub(self) -> str:
        """What the learner finds: the signature and what is to be written."""
        lines, function = _source(self.solution)
        return "\n".join([*lines[function.lineno - 1 : function.body[0].end_lineno], "    ..."])

    @property
    def check(self) -> str:
        """The cell behind the stub."""
        return f"{self.name} = check.{self.name}({self.name})"

    @property
    def answer(self) -> str:
        """Hint and solution, folded."""
        folded = "<details><summary>{}</summary>\n\n{}\n</details>"
        solution = f"```python\n{self.code}\n```"
        return "\n\n".join([folded.format("Hint", self.hint), folded.format("Solution", solution)])


def exercise(
    *, cases: Sequence[tuple], hint: str, right: str, tolerance: float = 1e-5
) -> Callable[[Callable], Exercise]:
    """Make an exercise of its solution.

    cases      the arguments that an answer is tried with, small and of several shapes
    hint       what helps without giving the answer away, in Markdown
    right      said of a right answer: where it leads
    tolerance  relative; 1e-5 by default
    """
    return lambda solution: Exercise(solution, cases, hint, right, tolerance)


def _source(function: Callable) -> tuple[list[str], ast.FunctionDef]:
    text = textwrap.dedent(inspect.getsource(function))
    node = ast.parse(text).body[0]
    assert isinstance(node, ast.FunctionDef)
    return text.splitlines(), node


def _returning(code: str, expression: str) -> str:
    """The code with its last return giving something else."""
    last = max(
        (n.lineno, n.end_lineno) for n in ast.walk(ast.parse(code)) if isinstance(n, ast.Return)
    )
    lines = code.splitlines()
    indent = lines[last[0] - 1][: -len(lines[last[0] - 1].lstrip())]
    return "\n".join([*lines[: last[0] - 1], f"{indent}return {expression}", *lines[last[1] :]])
