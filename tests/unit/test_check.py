"""The judge: whatever an answer does, a check ends in a sentence and leaves the world as it was."""

import builtins
import ctypes
import functools
import math
import random
import threading
import time
import warnings

import numpy as np
import pytest
import torch

from utils.check import Exercise, exercise, judge

RIGHT = "\N{WHITE HEAVY CHECK MARK} Right."


@exercise(
    cases=[(torch.arange(6.0).reshape(2, 3) / 7, [1, 2]), (torch.ones(4, 1) / 3, [3])],
    hint="Think.",
    right="Well.",
)
def shares(x, numbers):
    """Mean of each row, and how many numbers there are: (N, M), list -> (N + 1,)."""
    means = x.mean(1)
    return torch.cat([means, torch.tensor([float(len(numbers))])])


class AsModule(torch.nn.Module):
    def forward(self, x, numbers):
        return shares.solution(x, numbers)


class Sealed:
    """It can be called, and nothing else."""

    def __getattribute__(self, name):
        raise RuntimeError("leave me alone")

    def __call__(self, x, numbers):
        return other_way(x, numbers)


def other_way(x, numbers):
    return np.stack([*x.numpy().mean(1), np.float64(len(numbers))])


shares.mistakes(
    ("mean", "sum", "that is the sum."),
    ("solution(x, numbers)[:-1]", "the count is missing."),
    (["solution(x, numbers) * torch.nan", "x.mean(1) / 0 * 0"], "0 / 0 is not a number."),
    (lambda x, numbers: x.mean(2), "there is no axis 2."),
)


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(judge, "SECONDS", 0.3)


def said(answer, capsys, check: Exercise = shares) -> str:
    """What the check prints; and that it hands on a function that works."""
    handed_on = check(answer)
    out = capsys.readouterr().out
    assert out.startswith((RIGHT, "Not yet: ", "Not answered yet: ")), out
    assert len(out) < 1500
    assert (handed_on is check.solution) == (not out.startswith(RIGHT))
    return out


# ---------------------------------------------------------------- right, wrong, and who goes on


def test_a_right_function_lives_on_and_a_wrong_one_is_replaced(capsys):
    by_tensors = lambda x, n: torch.as_tensor(other_way(x, n)).float()  # noqa: E731
    assert shares(by_tensors) is by_tensors
    assert "the notebook uses your shares" in capsys.readouterr().out
    assert shares(lambda x, numbers: x) is shares.solution
    assert "the notebook uses the course's shares" in capsys.readouterr().out


def test_a_right_function_that_gives_arrays_gives_tensors_from_then_on(capsys):
    x, numbers = torch.rand(5, 2), [1, 2]
    assert torch.allclose(shares(other_way)(x, numbers=numbers), shares.solution(x, numbers))


def test_the_text_of_an_exercise_is_made_from_its_solution():
    assert shares.stub == (
        "def shares(x, numbers):\n"
        '    """Mean of each row, and how many numbers there are: (N, M), list -> (N + 1,)."""\n'
        "    ..."
    )
    assert shares.check == "shares = check.shares(shares)"
    assert shares.code.startswith("def shares(x, numbers):\n    means = x.mean(1)\n    return")
    assert shares.code in shares.answer and "Think." in shares.answer


def test_an_edit_that_changes_nothing_is_refused():
    with pytest.raises(ValueError, match="does not hold 'median'"):
        shares.mistakes(("median", "mean", "never heard"))


@pytest.mark.parametrize(
    "answer",
    [
        lambda x, n: [*x.mean(1).tolist(), len(n)],
        lambda x, n: (*x.mean(1), len(n)),
        lambda x, n: np.array([len(n), *x.mean(1).tolist()[::-1]])[::-1],
        lambda x, n: shares.solution(x, n).half(),
        lambda x, n: shares.solution(x, n).bfloat16(),
        lambda x, n: shares.solution(x, n).numpy().astype(np.float16),
        lambda x, n: shares.solution(x, n).requires_grad_(),
        lambda x, n: shares.solution(x.clone().mul_(1), n),
        lambda x, n: other_way(x, n).astype(">f8"),
        lambda x, n: other_way(x, n).astype(np.longdouble),
        lambda x, n: np.ma.masked_array(other_way(x, n)),
        lambda x, n: shares.solution(x, n).to_sparse(),
        lambda x, n: torch.nn.Parameter(shares.solution(x, n)),
        torch.inference_mode()(lambda x, n: shares.solution(x, n)),
        functools.partial(shares.solution),
        AsModule(),
        AsModule().forward,
    ],
)
def test_numbers_are_taken_in_every_form_and_the_next_cells_get_plain_tensors(answer, capsys):
    handed_on, out = shares(answer), capsys.readouterr().out
    assert out.startswith(RIGHT)
    given = handed_on(torch.rand(5, 2), [1])
    assert type(given) is torch.Tensor and given.dtype == torch.float32
    assert not given.requires_grad and not given.is_inference() and not given.is_sparse


def judged() -> Exercise:
    @exercise(cases=[()], hint="Read.", right="Well read.")
    def true_ones():
        return {"a", "c"}

    sentences = {letter: f"about {letter}." for letter in "abcdef"}
    true_ones.statements(**sentences)
    return true_ones


@pytest.mark.parametrize("letters", [{"a", "c"}, {"C", "A"}, frozenset("ac")])
def test_the_letters_of_true_statements_are_judged_as_a_set(letters, capsys):
    assert said(lambda: letters, capsys, judged()).startswith(f"{RIGHT} Well read.")


@pytest.mark.parametrize(
    ("letters", "words"),
    [(set(), "about a."), ({"a"}, "about c."), (set("abc"), "about b."), (set("df"), "about a.")],
)
def test_every_wrong_set_is_answered_by_its_first_wrong_letter(letters, words, capsys):
    assert said(lambda: letters, capsys, judged()).startswith(f"Not yet: {words}")


@pytest.mark.parametrize("answer", [{"all"}, {1}, {"a", None}, {"."}, [True, False, True], "ac"])
def test_a_set_of_other_things_cannot_be_read(answer, capsys):
    assert "Letters in a set are wanted" in said(lambda: answer, capsys, judged())


def test_what_can_only_be_called_is_enough(capsys):
    assert said(Sealed(), capsys).startswith(RIGHT)


def test_an_array_without_axes_is_a_number(capsys):
    @exercise(cases=[(torch.rand(3),)], hint="", right="")
    def mean(x):
        """Mean."""
        return float(x.mean())

    assert said(lambda x: x.mean().numpy(), capsys, mean).startswith(RIGHT)


def test_half_precision_does_not_cover_a_mistake(capsys):
    assert "that is the sum" in said(lambda x, n: shares.known[0].function(x, n).half(), capsys)
    off = said(lambda x, n: (1.02 * shares.solution(x, n)).half(), capsys)
    assert "the values are not" in off

    @exercise(cases=[(100,)], hint="", right="")
    def edge(n):
        """Half-open."""
        return torch.tensor([0.0, n])

    edge.mistakes(("torch.tensor([0.0, n + 1])", "half-open."))
    coarse = said(lambda n: torch.tensor([0.0, n + 1]).bfloat16(), capsys, edge)
    assert "cannot be told from a usual mistake: calculate in float32" in coarse


def test_parts_of_different_shapes_are_compared_one_by_one(capsys):
    @exercise(cases=[(3,), (4,)], hint="", right="")
    def both(n):
        """A matrix and a row: int -> (n, n), (n,)."""
        return torch.eye(n), torch.ones(n)

    assert said(lambda n: (np.eye(n), torch.ones(n)), capsys, both).startswith(RIGHT)
    assert "Not yet" in said(lambda n: (torch.eye(n), 2 * torch.ones(n)), capsys, both)
    assert "shape [(3, 3), (2,)]" in said(lambda n: (torch.eye(n), torch.ones(2)), capsys, both)


def test_a_pair_may_be_a_tuple_a_list_an_array_or_a_tensor(capsys):
    @exercise(cases=[(3, 4)], hint="", right="")
    def pair(a, b):
        """Both, as floats."""
        return float(a), float(b)

    for form in (list, np.array, torch.tensor, lambda p: tuple(map(torch.tensor, p))):
        assert said(lambda a, b, form=form: form((a, b)), capsys, pair).startswith(RIGHT)


# ---------------------------------------------------------------- nan


def test_nan_is_shown_and_can_be_a_known_mistake(capsys):
    assert "0 / 0 is not a number" in said(lambda x, n: 0 * shares.solution(x, n) / 0, capsys)
    one = said(
        lambda x, n: shares.solution(x, n) * torch.tensor([1.0] * len(x) + [math.nan]), capsys
    )
    assert "nan where 2 is wanted" in one


def test_nan_in_the_solution_is_wanted_where_it_is(capsys):
    @exercise(cases=[(torch.tensor([0.0, 1.0]),)], hint="", right="")
    def inverse(x):
        """0 / x."""
        return 0 / x

    assert said(lambda x: torch.tensor([torch.nan, 0]), capsys, inverse).startswith(RIGHT)
    assert "0 where nan is wanted" in said(lambda x: torch.zeros(2), capsys, inverse)


# ---------------------------------------------------------------- answers that do harm


class Cursed:
    """Nothing about it can be asked."""

    def __getattribute__(self, name):
        raise RuntimeError("leave me alone")

    def __repr__(self):
        raise SystemExit("repr")

    __str__ = __eq__ = __bool__ = __len__ = __iter__ = __float__ = __repr__


class CursedError(Exception):
    def __str__(self):
        raise RecursionError


class EndlessError(Exception):
    def __str__(self):
        while True:
            pass


class Flattering(torch.Tensor):
    """Close to whatever it is compared with."""

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        if "close" in function.__name__:
            return True
        return super().__torch_function__(function, types, args, kwargs)


class LongerThanItIs(list):
    def __len__(self):
        return 10**18


class Poser:
    __class__ = torch.Tensor  # it says that it is one


def raises(problem):
    def answer(x, numbers):
        raise problem

    return answer


def loops(x, numbers):
    while True:
        pass


def loops_and_clings(x, numbers):
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass


def recurses(x, numbers):
    return recurses(x, numbers)


def sleeps(x, numbers):
    time.sleep(1000)


def hides(x, numbers):
    return np.ma.masked_array(other_way(x, numbers), mask=True)


ITSELF: list = []
ITSELF.append(ITSELF)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (raises(SystemExit(3)), "SystemExit: 3"),
        (raises(GeneratorExit()), "GeneratorExit"),
        (raises(CursedError()), "CursedError"),
        (raises(ValueError("first\nsecond")), "stopped with ValueError: first\n"),
        (raises(ValueError("x" * 5_000_000)), "ValueError: xxx"),
        (recurses, "RecursionError"),
        (lambda x, n: Cursed(), ""),
        (lambda x, n: [Cursed()], ""),
        (lambda x, n: {"mean": Cursed()}, ""),
        (lambda x, n: Cursed, ""),
        (lambda x, n: list(range(1_000_000)), "the shape (1000000,)"),
        (lambda x, n: "x" * 5_000_000, "str 'xxx"),
        (lambda x, n: [[1, 2], [3]], "which cannot be read as plain numbers"),
        (lambda x, n: (i for i in range(3)), "which cannot be read as plain numbers"),
        (lambda x, n: shares.solution(x, n) * 1j, "(3,) of complex64, which cannot be read"),
        (lambda x, n: shares.solution(x, n).to("meta"), "without values (on meta), which cannot"),
        (
            lambda x, n: torch.quantize_per_tensor(x, 0.1, 0, torch.quint8),
            "of quint8, which",
        ),
        (lambda x, n: torch.nested.nested_tensor([x[0], x[1, :1]]), "which cannot be read"),
        (lambda x, n: (x / 0).to_sparse(), "the shape (2, 3)"),
        (lambda x, n: 2**70, "int 1180591620717411303424, which cannot be read"),
        (lambda x, n: np.array(["a"]), "an array (1,) of <U1, which cannot be read"),
        (lambda x, n: torch.zeros(3).as_subclass(Flattering), "the values are not"),
        (lambda x, n: LongerThanItIs([1, 2, 3]), "which cannot be read"),
        (lambda x, n: Poser(), "which cannot be read"),
        (lambda x, n: ITSELF, "list [[[[[[[...]]]]]]], which cannot be read"),
        (hides, "0 / 0 is not a number"),
        (lambda x, n: x[:0], "the shape (0, 3)"),
        (lambda x, n: x.mean(2), "there is no axis 2"),
        (lambda x: x, "TypeError"),
        (lambda *a: None, "gives nothing back"),
        (3, "without calling it. It got int 3"),
        ("x" * 5_000_000, "without calling it. It got str 'xxx"),
    ],
)
def test_a_check_ends_in_a_sentence(answer, says, capsys):
    assert says in said(answer, capsys)


@pytest.mark.parametrize("answer", [loops, loops_and_clings, sleeps])
def test_a_loop_without_end_is_ended(answer, capsys, impatient):
    assert "a loop that never ends" in said(answer, capsys)


def test_rings_without_a_pause_do_no_harm(capsys, impatient, monkeypatch):
    """They came while the judge tidied up, and ended Python; or rang within each other for ever."""
    monkeypatch.setattr(judge, "ONCE_MORE", 5e-5)
    for answer in (loops, loops_and_clings) * 3:
        assert "a loop that never ends" in said(answer, capsys)


def test_a_problem_that_never_ends_to_speak_is_named(capsys, impatient):
    assert "your function stopped with EndlessError\n" in said(raises(EndlessError()), capsys)


def test_something_that_cannot_be_asked_anything_is_no_function(capsys):
    assert "without calling it" in said(Cursed(), capsys)


def test_the_limit_holds_away_from_the_main_thread_too(capsys, impatient):
    thread = threading.Thread(target=shares, args=(loops,))
    thread.start()
    thread.join(60)
    assert not thread.is_alive()
    assert "a loop that never ends" in capsys.readouterr().out


def test_after_an_exception_from_another_thread_a_loop_is_ended_still(capsys, impatient):
    """Python 3.11 hung, for ever: it traces nothing while one waits, and none was waiting."""
    ident = ctypes.c_ulong(threading.get_ident())
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, None)  # leaves its mark all the same
    assert "a loop that never ends" in said(loops, capsys)


def test_ctrl_c_reaches_the_notebook(capsys):
    with pytest.raises(KeyboardInterrupt):
        shares(raises(KeyboardInterrupt()))


def test_a_book_that_is_printed_is_cut_and_a_line_is_shown(capsys):
    def chatty(x, numbers):
        print("the mean is", x.mean())
        return shares.solution(x, numbers)

    def novel(x, numbers):
        for _ in range(5000):
            print("x" * 1000)
        return shares.solution(x, numbers)

    shares(chatty)
    assert capsys.readouterr().out.startswith("the mean is tensor(")
    shares(novel)
    out = capsys.readouterr().out
    assert len(out) < 1500 and "(and more)" in out and RIGHT in out


@pytest.mark.parametrize("wrong", [True, False])
def test_what_it_is_given_may_be_changed_and_is_a_copy(wrong, capsys):
    def changes(x, numbers):
        numbers.append(1)
        x += 1
        numbers.pop()
        x -= 1 - wrong
        return shares.solution(x, numbers)

    out = capsys.readouterr()
    handed_on, out = shares(changes), capsys.readouterr().out
    if wrong:
        assert "the values are not" in out
        return
    x, numbers = torch.zeros(2, 2), [1]
    handed_on(x, numbers)
    assert x.sum() == 0 and RIGHT in out


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (lambda x, n: shares.solution(x.mul_(2).div(2), n), "the tensor"),
        (lambda x, n: shares.solution(x, [n.pop() for _ in range(len(n))]), "the list"),
    ],
)
def test_a_right_answer_that_changes_its_input_is_right_and_told(answer, kind, capsys):
    handed_on, out = shares(answer), capsys.readouterr().out
    assert out.startswith(RIGHT) and f"It changes {kind} it is given" in out
    x, numbers = torch.ones(2, 3), [4, 5]
    assert torch.equal(handed_on(x, numbers), torch.tensor([1.0, 1.0, 2.0]))
    assert x.sum() == 6 and numbers == [4, 5]


def test_settings_random_numbers_and_functions_are_as_before(capsys):
    def vandal(x, numbers):
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        torch.manual_seed(1), np.random.seed(1), random.seed(1)  # noqa: NPY002
        torch.mean = torch.Tensor.mean = torch.Tensor.sum = np.mean = math.sqrt = max
        torch.Tensor.own = builtins.own = 1
        del torch.einsum
        raise SystemExit

    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    said(vandal, capsys)
    after = torch.get_rng_state(), np.random.get_state()[1], random.getstate()  # noqa: NPY002
    assert torch.equal(before[0], after[0])
    assert (before[1] == after[1]).all() and before[2] == after[2]
    assert torch.get_default_dtype() == torch.float32 and torch.is_grad_enabled()
    assert torch.mean(torch.ones(3)) == torch.ones(3).mean() == 1 == torch.ones(3).sum() / 3
    assert np.mean([2, 4]) == 3 and math.sqrt(4) == 2 and torch.einsum
    assert not hasattr(torch.Tensor, "own") and not hasattr(builtins, "own")


def test_python_without_its_functions_is_mended(capsys):
    def vandal(x, numbers):
        for name in ("isinstance", "zip", "dict", "getattr", "setattr", "next", "len", "type"):
            vars(builtins)[name] = None
        del builtins.str

    assert "gives nothing back" in said(vandal, capsys)
    assert isinstance(str(len([])), str)


def test_warnings_are_shown_as_before(capsys):
    before = list(warnings.filters)
    said(lambda x, numbers: warnings.simplefilter("error"), capsys)
    assert warnings.filters == before


@pytest.mark.parametrize(
    "cases", [[(torch.ones(2, 3),)], [(torch.ones(2, 3),), (torch.ones(1, 2),)]]
)
def test_what_is_right_only_once_is_not_right(cases, capsys):
    @exercise(cases=cases, hint="", right="")
    def sums(x):
        """Sums."""
        return x.sum(1)

    def tires(x, calls=[]):  # noqa: B006  the very slip
        calls.append(x)
        return x.sum(1) if len(calls) <= len(cases) else x.sum(0)

    assert "called a second time" in said(tires, capsys, sums)


def test_a_patched_torch_does_not_make_an_answer_right(capsys):
    def cheat(x, numbers):
        torch.allclose = lambda *a, **k: True
        torch.Tensor.double = torch.Tensor.detach = lambda self: shares.solution(x, numbers)
        return torch.zeros(3)

    assert said(cheat, capsys).startswith("Not yet")
