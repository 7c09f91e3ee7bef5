"""Every exercise: each mistake hears its own sentence, the solution is right, the stub is answered.

An exercise stands once, in utils/check; here it is tried as a learner would, function by function.
"""

import importlib
import pkgutil

import pytest

import utils.check
from tools.exercises import exercises_of, fill, stubs
from tools.notebooks import all_notebooks, read
from utils.check import Exercise
from utils.check.judge import outcome


def every_exercise() -> list[Exercise]:
    """All exercises of all files of utils/check."""
    files = [name for _, name, _ in pkgutil.iter_modules(utils.check.__path__)]
    modules = [importlib.import_module(f"utils.check.{name}") for name in files]
    return [e for m in modules for e in vars(m).values() if isinstance(e, Exercise)]


ALL = every_exercise()
NAMES = [f"{e.__module__.rsplit('.')[-1]}.{e.name}" for e in ALL]
NOTEBOOKS = [p for p in all_notebooks() if any(exercises_of(p))]
MISTAKES = [
    pytest.param(e, mistake, id=f"{name}-{number}")
    for e, name in zip(ALL, NAMES, strict=True)
    for number, mistake in enumerate(e.known)
]


@pytest.mark.parametrize(("exercise", "mistake"), MISTAKES)
def test_a_mistake_hears_its_own_sentence(exercise, mistake, capsys):
    assert exercise(mistake.function) is exercise.solution
    assert capsys.readouterr().out.startswith(f"Not yet: {mistake.sentence}\n")


@pytest.mark.parametrize(("exercise", "mistake"), MISTAKES)
def test_a_mistake_knows_every_name_it_uses(exercise, mistake):
    assert "NameError" not in outcome(mistake.function, exercise.cases[0]).problem


@pytest.mark.parametrize("exercise", ALL, ids=NAMES)
def test_the_folded_solution_is_right_and_lives_on(exercise, capsys):
    space = dict(exercise.solution.__globals__)
    exec(exercise.code, space)
    assert exercise(space[exercise.name]) is space[exercise.name]
    assert capsys.readouterr().out.startswith("\N{WHITE HEAVY CHECK MARK} Right.")


@pytest.mark.parametrize("exercise", ALL, ids=NAMES)
def test_the_stub_is_answered_politely_and_the_course_goes_on(exercise, capsys):
    space: dict = {}
    exec(exercise.stub, space)
    assert exercise(space[exercise.name]) is exercise.solution
    assert capsys.readouterr().out.startswith("Not answered yet")


@pytest.mark.parametrize("exercise", ALL, ids=NAMES)
def test_the_course_s_own_function_is_not_taken_for_an_answer(exercise, capsys):
    assert exercise(exercise.solution) is exercise.solution
    assert "the course's own" in capsys.readouterr().out


@pytest.mark.parametrize("exercise", ALL, ids=NAMES)
def test_six_mistakes_are_known(exercise):
    assert len(exercise.known) >= 6


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_notebook_holds_its_exercises_as_they_are_written(path):
    nb = read(path)
    fill(nb, exercises_of(path))
    assert nb == read(path), "run `make exercises`"
    assert len(list(stubs(nb))) >= 2
