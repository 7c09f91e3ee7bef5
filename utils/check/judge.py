"""The judge: it runs a learner's function beside the course's and says one thing about it.

Whatever the function does, the judge ends in a verdict: it may stop, exit, loop for ever, print a
book, change what it is given or the settings of torch, or give back a thing that cannot be printed.
What it did to torch, numpy and Python's own state is undone. Ctrl-C still reaches the notebook.

It guards against accidents, not against cheats: the solution is folded in the notebook, and who
patches the judge itself is believed.
"""

import builtins
import copy
import ctypes
import io
import math
import os
import random
import reprlib
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from types import FrameType, ModuleType
from typing import NamedTuple, TypeGuard

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

SECONDS = 10.0  # that a function may take for one case
ONCE_MORE = 0.05  # seconds until it is stopped once more, should it go on
PRINTED = 1000  # characters of what it prints that are shown
TOUCHABLE = (torch, torch.Tensor, functional, torch.linalg, np, math, random, builtins)


class Mistake(NamedTuple):
    """A wrong function, and what to tell somebody who wrote it."""

    function: Callable
    sentence: str
    at: tuple[int, ...] = ()  # the part of the result that it is about; the rest may be anything


class Verdict(NamedTuple):
    """What the judge found."""

    right: bool
    words: str  # what is wrong; nothing where all is right
    changes: str = ""  # what of its arguments the function changes, such as "the tensor"
    dtype: torch.dtype | None = None  # of the tensor that is wanted, where another form came


class Outcome(NamedTuple):
    """What one call came to, in a form that can be compared and shown without asking the thing."""

    value: "Tensor | tuple | None"  # numbers, as float64; None where there are none
    kind: str  # what it is, in a few words
    precision: float = 0.0  # of its numbers: how far rounding may have moved them, relatively
    problem: str = ""  # what stopped it
    missing: bool = False  # nothing came back
    changes: str = ""
    printed: str = ""
    dtype: torch.dtype | None = None  # of a plain tensor: no gradient, no subclass, in memory


class Known(NamedTuple):
    """What a usual mistake gives in every trial, and what to tell somebody whose answer does so."""

    sentence: str
    outcomes: Iterable[Outcome | None]  # None: a case that says nothing about it
    at: tuple[int, ...] = ()


class Tried:
    """What a function of the course gives in every trial: found when asked for, and kept."""

    def __init__(self, function: Callable, cases: Sequence[tuple]) -> None:
        self.function, self.cases = function, cases
        self.found: dict[int, Outcome] = {}

    def __iter__(self) -> Iterator[Outcome]:
        for i, case in enumerate(_twice(self.cases)):
            one = self.found.get(i) or outcome(self.function, case)
            if one.problem != TOO_LONG:  # a computer that slept meanwhile may try again
                self.found[i] = one
            yield one


def verdict(
    answer: object,
    wanted: Iterable[Outcome],
    cases: Sequence[tuple],
    known: Iterable[Known] = (),
    tolerance: float = 1e-5,
) -> Verdict:
    """Whether `answer` gives what is wanted in every case, up to a relative tolerance.

    A wrong answer that does what a known mistake does in every case gets its sentence, else the
    largest difference in words. An answer in half precision is allowed its own rounding, unless
    that hides a mistake. The first case comes again at the end: nothing may be kept between calls.
    """
    if not callable(answer):
        return Verdict(False, f"give the check your function, without calling it. {_got(answer)}")
    found = trials(answer, cases)
    if found[0].printed and found[-1].problem != TOO_LONG:
        print(found[0].printed.rstrip())
    return compared(found, list(wanted), cases, known, tolerance)


def trials(answer: Callable, cases: Sequence[tuple]) -> list[Outcome]:
    """What an answer gives for every case and once more for the first; it ends where time is up."""
    found: list[Outcome] = []
    for case in _twice(cases):
        found.append(outcome(answer, case))
        if found[-1].problem == TOO_LONG:
            break
    return found


def compared(
    found: Sequence[Outcome],
    wanted: Sequence[Outcome],
    cases: Sequence[tuple],
    known: Iterable[Known],
    tolerance: float = 1e-5,
) -> Verdict:
    """`verdict` without calling anything: on what was found, in `trials` of the same cases."""
    if any(mine.problem == TOO_LONG for mine in found):
        return Verdict(False, TOO_LONG)
    if any(mine.missing for mine in found):
        return Verdict(False, "")
    sentences = (k.sentence for k in known if _alike(found, k, tolerance))
    right = [_same(*pair, tolerance) for pair in zip(found, wanted, strict=True)]
    if not all(right):
        at = right.index(False)
        if at == len(cases):
            return Verdict(False, AGAIN)
        words = next(sentences, "") or _difference(found[at], wanted[at], cases[at])
        return Verdict(False, words)
    if any(mine.precision > tolerance for mine in found) and any(sentences):
        return Verdict(False, COARSE)
    changes = next((mine.changes for mine in found if mine.changes), "")
    others = (t.dtype for m, t in zip(found, wanted, strict=True) if t.dtype not in (None, m.dtype))
    return Verdict(True, "", changes, next(others, None))


def agreeing(
    found: Sequence[Outcome], wanted: Sequence[Outcome], tolerance: float = 1e-5
) -> list[bool]:
    """Which trials are right, as many as there are."""
    return [_same(*pair, tolerance) for pair in zip(found, wanted, strict=False)]


def _twice(cases: Sequence[tuple]) -> list[tuple]:
    return [*cases, cases[0]]


def _got(answer: object) -> str:
    with _guarded(SECONDS):
        return f"It got {_run(kind_of, answer)}."
    return "It got something that cannot be shown."


# ---------------------------------------------------------------- one call, out of harm's way

TOO_LONG = (
    f"your function was still at work after {SECONDS:.0f} seconds. Is there a loop that never ends?"
)


AGAIN = (
    "called a second time with the same, your function gives something else."
    " Does it keep or change something outside?"
)
COARSE = "in half precision your result cannot be told from a usual mistake: calculate in float32."


def outcome(function: Callable, case: tuple) -> Outcome:
    """What the function gives for its own copy of the arguments; nothing else is changed by it."""
    given, tape, value = copy.deepcopy(case), _Tape(), None
    result = Outcome(None, "something that cannot be shown")
    with _alone(tape) as stopped:
        value = _called(function, given)
    if not stopped:  # read only now, when torch is as it was
        with _alone(_Tape()) as unreadable:
            result = _run(_frozen, value)
            del value  # here, for what it may say at its end
            result = result._replace(changes=_run(_changed, case, given))
        stopped = [words for words in unreadable if words == TOO_LONG]
    problem = stopped[0] if stopped else ""
    return result._replace(problem=problem, printed=tape.text())


def _called(function: Callable, given: tuple) -> object:
    """The function's result; Python's own functions are as before at once, for all else uses them."""
    before = dict(vars(builtins))
    try:
        return _run(function, *given)
    finally:
        builtins.__dict__.update(before)


def _run(function: Callable, *arguments):
    """Call it; only in here may time run out, never while the judge tidies up."""
    return function(*arguments)


def _in_run(frame: FrameType | None) -> bool:
    """Whether a frame belongs to something that `_run` calls."""
    while frame is not None and frame.f_code is not _run.__code__:
        frame = frame.f_back
    return frame is not None


@contextmanager
def _alone(tape: "_Tape") -> Iterator[list[str]]:
    """Nothing inside lasts, is raised, takes too long or is printed, but on the tape."""
    with _untouched(), _guarded(SECONDS) as caught, redirect_stdout(tape), redirect_stderr(_Tape()):
        yield caught


def _frozen(value: object) -> Outcome:
    """A value as numbers that stay as they are, and what it was."""
    if value is None or value is Ellipsis:
        return Outcome(None, kind_of(value), missing=True)
    dtype = value.dtype if isinstance(value, Tensor) and _is_plain(value) else None
    return Outcome(_numbers(value), kind_of(value), _precision(value), dtype=dtype)


def _is_plain(value: Tensor) -> bool:
    """Whether the next cells can work with a tensor as it is."""
    kept = value.requires_grad or value.is_inference()
    return type(value) is Tensor and not kept and (value.device.type, value.layout) == MEMORY


MEMORY = ("cpu", torch.strided)


def _numbers(value: object) -> "Tensor | tuple | None":
    """Numbers, arrays, tensors and lists of them as one tensor, or as a tuple where shapes differ."""
    if isinstance(value, (tuple, list)) and (any(map(_is_array, value)) or _is_pair(value)):
        parts = [_numbers(v) for v in value]
        if any(not isinstance(p, Tensor) for p in parts):
            return None
        tensors = [p.reshape(()) if p.numel() == 1 else p for p in parts if isinstance(p, Tensor)]
        same = len({t.shape for t in tensors}) == 1
        return torch.stack(tensors) if same else tuple(tensors)
    try:
        return _letters(value) if isinstance(value, (set, frozenset)) else _tensor(value)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        return None  # a string, a dict, a ragged list: not numbers


def _letters(value: set | frozenset) -> Tensor:
    """The letters of the true statements, {"a", "c"}, as 26 ones and zeros, a first.

    Raises TypeError or ValueError for anything but a set of single letters, small or large.
    """
    places = [ord(letter.lower()) - ord("a") if isinstance(letter, str) else -1 for letter in value]
    if not all(0 <= place < 26 for place in places):
        raise ValueError("not letters")
    return torch.zeros(26, dtype=torch.float64).index_fill(0, torch.tensor(places).long(), 1)


def _tensor(value: object) -> Tensor | None:
    """A copy in float64, dense, in memory, without what a subclass makes of it; None if complex.

    Raises TypeError, ValueError, RuntimeError or OverflowError where there are no such numbers.
    """
    if isinstance(value, np.ma.MaskedArray):
        value = np.ma.filled(value.astype(np.float64), np.nan)  # what is masked is not there
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "biuf":
        value = np.array(value, np.float64, order="C")  # torch reads no others, and not backwards
    if isinstance(value, Tensor):
        value = Tensor.__torch_function__(Tensor.detach, (), (value,))  # as if it had no class
    tensor = torch.as_tensor(value)
    if type(tensor) is not Tensor or tensor.is_complex() or tensor.is_nested:
        return None
    return tensor.to_dense().to("cpu", torch.float64, copy=True)


def _is_array(value: object) -> TypeGuard[Tensor | np.ndarray | np.generic]:
    return isinstance(value, (Tensor, np.ndarray, np.generic))


def _is_pair(value: Sequence) -> bool:
    """Whether these are two things written as lists, such as w (C, K) and b (C,)."""
    return len(value) == 2 and 0 < _axes(value[0]) != _axes(value[1]) > 0


def _axes(value: object) -> int:
    if isinstance(value, (tuple, list)):
        return 1 + (_axes(value[0]) if value else 0)
    return value.ndim if isinstance(value, (Tensor, np.ndarray)) else 0


def _precision(value: object) -> float:
    """The rounding of half precision; 0 for everything finer, which the tolerance covers."""
    values = value if isinstance(value, (tuple, list)) else [value]
    types = {str(v.dtype).removeprefix("torch.") for v in values[:100] if _is_array(v)}
    return max((4 * torch.finfo(getattr(torch, t)).eps for t in types & HALF), default=0.0)


HALF = {"float16", "bfloat16"}


def _changed(case: tuple, given: tuple) -> str:
    """Which kind of argument was changed in place: "the tensor", "the list", ... or nothing."""
    for before, after in zip(case, given, strict=True):
        if not _equal(before, after):
            return f"the {type(before).__name__.lower().replace('ndarray', 'array')}"
    return ""


def _equal(a: object, b: object) -> bool:
    if isinstance(a, Tensor):
        if not isinstance(b, Tensor) or (a.shape, a.requires_grad) != (b.shape, b.requires_grad):
            return False
        return bool(((a == b) | (a != a)).all())
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and np.array_equal(a, b)
    if isinstance(a, (list, tuple)):
        return isinstance(b, type(a)) and len(a) == len(b) and all(map(_equal, a, b))
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(_equal(a[k], b[k]) for k in a)
    return True  # numbers and names cannot be changed; networks are the check's own copies


class _Tape(io.TextIOBase):
    """Takes any amount of print and keeps the beginning."""

    def __init__(self) -> None:
        self.kept, self.more = "", False

    def write(self, text: str) -> int:
        self.more |= len(self.kept) + len(text) > PRINTED
        self.kept = (self.kept + text[:PRINTED])[:PRINTED]
        return len(text)

    def text(self) -> str:
        return self.kept + (" ... (and more)" if self.more else "")


class _TooLong(BaseException):
    pass


@contextmanager
def _guarded(seconds: float) -> Iterator[list[str]]:
    """Swallow whatever is raised inside, for `seconds` at the most; the list then says what it was.

    KeyboardInterrupt goes through: it is the learner's own Ctrl-C.
    """
    caught: list[str] = []
    try:
        with _alarm(seconds):
            yield caught
    except _TooLong:
        caught.append(TOO_LONG)
    except KeyboardInterrupt:
        raise
    except BaseException as problem:
        caught.append(f"your function stopped with {_in_words(problem)}")


def _in_words(problem: BaseException) -> str:
    try:
        with _alarm(SECONDS):
            return f"{type(problem).__name__}: {_run(_first_line, problem)}"
    except BaseException:  # a __str__ that raises, or never ends
        return type(problem).__name__


def _first_line(problem: BaseException) -> str:
    return (str(problem)[:2000].splitlines() or [""])[0][:300]


def _ring(_: int, frame: FrameType | None) -> None:
    """Raise here and, should an except clause swallow that, on the clause's own line as well."""

    def on_line(at: FrameType, event: str, _: object) -> Callable:
        if event == "line" and _in_run(at):
            raise _TooLong
        return on_line

    inside = _in_run(frame)
    if inside:
        _forget_raised()
        sys.settrace(on_line)
    while inside and frame is not None and frame.f_code.co_filename != __file__:
        frame.f_trace = on_line
        frame = frame.f_back
    signal.setitimer(signal.ITIMER_REAL, ONCE_MORE)  # last: it must not ring while it rings
    if inside:
        raise _TooLong


def _forget_raised() -> None:
    """Clear the interpreter's mark that an exception from another thread is waiting.

    Python 3.11 never gets on if it traces under that mark. Setting an exception sets it, taking it
    back does not clear it: only raising one does, in the thread for which it waits.
    """
    with suppress(_TooLong):
        _raise_in(threading.get_ident())
        for _ in range(100):  # raised at one of these jumps
            pass


def _raise_in(ident: int) -> None:
    raised = ctypes.py_object(_TooLong)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), raised)


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """Raise _TooLong inside after some seconds, and again soon after, so that no except keeps it.

    By the system's timer in the main thread, elsewhere (and on Windows) by another thread.
    """
    if threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer"):
        before, tracer = signal.signal(signal.SIGALRM, _ring), sys.gettrace()
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            yield
        finally:
            signal.signal(signal.SIGALRM, lambda *_: None)  # a ring that is late would end Python
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
            sys.settrace(tracer)
        return
    over, ident = threading.Event(), threading.get_ident()
    rung = False

    def watch() -> None:
        nonlocal rung
        pause = seconds
        while not over.wait(pause):
            pause = 0.02
            if _in_run(sys._current_frames().get(ident)):
                rung = True
                _raise_in(ident)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
        if rung:
            _forget_raised()


@contextmanager
def _untouched() -> Iterator[None]:
    """Settings, random numbers and functions of torch, numpy and Python as before, at the end."""
    names = [dict(vars(place)) for place in TOUCHABLE]
    dtype, grad, threads = (
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
        torch.get_num_threads(),
    )
    device, exact = torch.get_default_device(), torch.are_deterministic_algorithms_enabled()
    states = torch.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002
    folder, depth, floats = os.getcwd(), sys.getrecursionlimit(), np.geterr()
    try:
        with warnings.catch_warnings():
            yield
    finally:
        for place, before in zip(TOUCHABLE, names, strict=True):
            _restore(place, before)
        torch.set_default_dtype(dtype)
        torch.set_grad_enabled(grad)
        if torch.are_deterministic_algorithms_enabled() != exact:  # the call imports half of torch
            torch.use_deterministic_algorithms(exact)
        if torch.get_default_device() != device:
            torch.set_default_device(device)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        torch.set_rng_state(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
        random.setstate(states[2])
        os.chdir(folder)
        sys.setrecursionlimit(depth)
        np.seterr(**floats)


def _restore(place: object, before: dict) -> None:
    """The attributes of a module or class as before; modules that were loaded meanwhile stay."""
    now = dict(vars(place))
    for name in now.keys() - before.keys():
        if not isinstance(now[name], ModuleType):
            delattr(place, name)
    for name, value in before.items():
        if now.get(name, place) is not value:
            setattr(place, name, value)


def as_tensor(value: object, dtype: torch.dtype) -> object:
    """Arrays, lists and tensors that remember gradients as one plain tensor; all else as it is."""
    numbers = _numbers(value)
    return numbers.to(dtype) if isinstance(numbers, Tensor) else value


# ---------------------------------------------------------------- two outcomes beside each other


def _same(mine: Outcome, true: Outcome, tolerance: float) -> bool:
    if mine.problem or true.problem or mine.value is None or true.value is None:
        return False
    return _close(mine.value, true.value, max(tolerance, mine.precision))


def _close(mine: "Tensor | tuple", true: "Tensor | tuple", tolerance: float) -> bool:
    if isinstance(mine, tuple) or isinstance(true, tuple):
        both = isinstance(mine, tuple) and isinstance(true, tuple) and len(mine) == len(true)
        return both and all(_close(a, b, tolerance) for a, b in zip(mine, true, strict=True))
    if mine.shape != true.shape:
        return False
    finite = true[true.isfinite()].abs()
    scale = finite.max().item() if finite.numel() else 0
    return torch.allclose(
        mine, true, rtol=tolerance, atol=tolerance * max(scale, 1e-30), equal_nan=True
    )


def _alike(found: Sequence[Outcome], wrong: Known, tolerance: float) -> bool:
    """Whether a mistake gives the same values in every case, and stops where the answer stops."""
    agreed, same_words = 0, True
    for mine, theirs in zip(found, wrong.outcomes, strict=False):  # may be worked out one by one
        if theirs is None:
            continue
        if mine.problem and theirs.problem:
            same_words &= mine.problem == theirs.problem
        elif _same(*_parts(mine, theirs, wrong.at), tolerance):
            agreed += 1
        else:
            return False
    return agreed > 0 or same_words


def _parts(mine: Outcome, theirs: Outcome, at: tuple[int, ...]) -> tuple[Outcome, Outcome]:
    """The part of both results that a mistake is about, where they have the same shape."""
    a, b = mine.value, theirs.value
    if isinstance(a, Tensor) and isinstance(b, Tensor) and a.shape == b.shape:
        return mine._replace(value=a[at]), theirs._replace(value=b[at])
    return mine, theirs


def _difference(mine: Outcome, true: Outcome, case: tuple) -> str:
    given = "It was given " + ", ".join(kind_of(a) for a in case) + "." if case else ""
    if mine.problem:
        return f"{mine.problem}\n{given}".rstrip()
    got, wanted = mine.value, true.value
    if true.kind.startswith("set") and getattr(got, "shape", None) != getattr(
        wanted, "shape", None
    ):
        return (
            f'your function gives {mine.kind}. Letters in a set are wanted, such as {{"a", "b"}}.'
        )
    if got is None or wanted is None:
        return f"your function gives {mine.kind}, which cannot be read as plain numbers. {given}".rstrip()
    if isinstance(got, tuple) and isinstance(wanted, tuple) and _shape(got) == _shape(wanted):
        pairs = zip(got, wanted, strict=True)  # shown is the first thing that is wrong
        got, wanted = next((p for p in pairs if not _close(*p, 1e-5)), (got[0], wanted[0]))
    if isinstance(got, tuple) or isinstance(wanted, tuple):
        return f"your result has the shape {_shape(got)}, wanted is {_shape(wanted)}. {given}"
    if got.shape != wanted.shape:
        shapes = f"{tuple(got.shape)}, wanted is {tuple(wanted.shape)}"
        return f"your result has the shape {shapes}. {given}"
    apart = (got - wanted).abs()
    apart[(got == wanted) | (got.isnan() & wanted.isnan())] = 0  # equal infinities, too
    at = apart.nan_to_num(torch.inf).argmax()
    a, b = got.flatten()[at].item(), wanted.flatten()[at].item()
    digits = next((d for d in (4, 6, 9) if f"{a:.{d}g}" != f"{b:.{d}g}"), 12)
    values = f"{a:.{digits}g} where {b:.{digits}g} is wanted"
    return f"the shape is right, the values are not: {values}. {given}"


def _shape(value: "Tensor | tuple") -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_shape, value))}]"
    return str(tuple(value.shape))


def kind_of(value: object) -> str:
    """What a value is, in at most 60 characters, whatever its __repr__ does."""
    if isinstance(value, (Tensor, np.ndarray)):
        what = "a tensor" if isinstance(value, Tensor) else "an array"
        return f"{what} {tuple(value.shape)}{_unusual(value)}"
    name = type(value).__name__
    if isinstance(value, (bool, int, float, str, list, tuple, dict, set, type(None))):
        return " ".join(f"{name} {SHORT.repr(value)}".split())[:60]
    if callable(value) and hasattr(value, "__name__"):
        return f"the {name} {value.__name__}"
    return f"{'an' if name[:1] in VOWELS else 'a'} {name}"


VOWELS = tuple("AEIOUaeiou")


def _unusual(value: Tensor | np.ndarray) -> str:
    """What of an array or a tensor keeps it from being compared, for its description."""
    if isinstance(value, Tensor) and value.is_meta:
        return " without values (on meta)"
    if isinstance(value, Tensor):
        usual = not value.is_complex() and not value.is_quantized
    else:
        usual = value.dtype.kind in "biuf"
    return "" if usual else f" of {str(value.dtype).removeprefix('torch.')}"


SHORT = reprlib.Repr()
