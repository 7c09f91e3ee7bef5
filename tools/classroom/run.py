"""Inside the jail: a student's cells, and what their functions give on the cases that were sent.

This is the only file that meets student code in one process, and so nothing in here is secret or
trusted: no solution, no wanted value, and whatever it reports is read with suspicion outside.
"""

import json
import linecache
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

POINTS, SERIES, TEXT = 2000, 40, 400  # of a figure that are reported, at most


def load() -> None:
    """Import what most submissions need, once."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt
    import numpy  # noqa: F401
    import scipy.ndimage
    import scipy.stats  # noqa: F401
    import sklearn.linear_model
    import sklearn.preprocessing
    import sklearn.svm  # noqa: F401
    import torch
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    import sketchbook  # noqa: F401
    from utils import models, plots  # noqa: F401
    from utils.check import judge, wire  # noqa: F401

    torch.set_num_threads(1)
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "NoColor"
    shell = InteractiveShell.instance(config=config)
    shell.showtraceback = shell.showsyntaxerror = lambda *_, **__: None  # nobody would read them
    plt.close(plt.figure())  # finds its fonts
    os.environ["HOME"] = "/tmp"


class Base:
    """What the cells that are given leave behind; each submission starts from there."""

    def __init__(self, cells: Sequence[str]) -> None:
        from IPython.core.interactiveshell import InteractiveShell

        self.shell: Any = InteractiveShell.instance()
        self.shell.reset()
        self.problem = ""
        for source in cells:
            result = self.shell.run_cell(source)
            if not result.success:
                self.problem = repr(result.error_before_exec or result.error_in_exec)
                break
        sys.stdout.flush()

    def attempt(self, request: dict, out: int) -> None:
        """Run a submission's cells, then try its functions; one line of JSON for each thing."""
        me = os.getpid()
        names: dict[str, int] = {}
        for number, source in request["cells"]:
            tell(out, {"begin": number})
            before = set(linecache.cache)
            problem = self._cell(source, request["cell_seconds"])
            if os.getpid() != me:  # a fork that the cell has left behind
                os._exit(0)
            names |= dict.fromkeys(set(linecache.cache) - before, number)
            tell(out, {"end": number, "problem": problem})
        for asked in request["questions"]:
            end_the_others()
            tell(out, {"question": asked["name"]})
            self._apart(asked, names, request["question_seconds"], out)

    def _cell(self, source: str, seconds: float) -> str:
        with suppress(BaseException), _alarm(seconds):
            result = self.shell.run_cell(source)
            error = result.error_before_exec or result.error_in_exec
            return type(error).__name__ if error is not None else ""
        return "Stopped"

    def _apart(self, asked: dict, names: dict, seconds: float, out: int) -> None:
        """Try one function in a fork: a crash in there costs nothing but itself."""
        try:
            pid = os.fork()
        except OSError:
            pid = -1  # too many processes already: here, then
        if pid > 0:
            _wait(pid, seconds)
            return
        try:
            self._try(asked, names, out)
        finally:
            if pid == 0:
                os._exit(0)

    def _try(self, asked: dict, names: dict, out: int) -> None:
        from utils.check import judge, wire

        function = self.shell.user_ns.get(asked["name"])
        said: dict[str, Any] = {"answer": asked["name"], "absent": not callable(function)}
        if callable(function):
            cases = wire.unpacked(asked["cases"])
            judge.SECONDS = asked["seconds"]
            if asked["figure"]:
                said["figures"] = [_drawn(function, case) for case in cases]
            else:
                found = judge.trials(function, cases)
                said["found"] = wire.packed(found)
                bad = [i for i, one in enumerate(found[: len(cases)]) if one.problem]
                if bad and found[bad[0]].problem != judge.TOO_LONG:
                    said["stopped"] = _where(function, cases[bad[0]], names)
        tell(out, said)


def end_the_others() -> None:
    """End what cells and functions left running, so that it is not the next function's fault."""
    if os.getpid() == 1:  # the first in its namespace: the signal goes no further
        with suppress(OSError):
            os.kill(-1, signal.SIGKILL)


def tell(out: int, line: dict) -> None:
    """Write one line of JSON, whatever a cell has left unfinished before it."""
    data = ("\n" + json.dumps(line) + "\n").encode()
    while data:
        data = data[os.write(out, data) :]


def _wait(pid: int, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if os.waitpid(pid, os.WNOHANG)[0]:
            return
        time.sleep(0.01)
    with suppress(OSError):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """Stop a cell after so many seconds of the processor, and one that only waits after more."""

    def ring(*_: object) -> None:
        raise TimeoutError("this cell was stopped")

    clocks = ((signal.SIGPROF, signal.ITIMER_PROF, 1), (signal.SIGALRM, signal.ITIMER_REAL, 4))
    for number, clock, times in clocks:
        signal.signal(number, ring)
        signal.setitimer(clock, times * seconds, 0.5)
    try:
        yield
    finally:
        for _, clock, _ in clocks:
            signal.setitimer(clock, 0)


def _where(function: Any, case: tuple, names: dict[str, int]) -> list:
    """The error's class, and the cell and line of the student's where it came up."""
    try:
        function(*case)
    except BaseException as error:
        trace, at = error.__traceback__, [-1, 0]
        while trace is not None:
            number = names.get(trace.tb_frame.f_code.co_filename)
            at = at if number is None else [number, trace.tb_lineno]
            trace = trace.tb_next
        return [type(error).__name__, *at]
    return ["", -1, 0]


def _drawn(function: Any, case: tuple) -> dict:
    """A figure as its numbers and words."""
    import matplotlib.pyplot as plt

    plt.close("all")
    try:
        value = function(*case)
        fig, alt = value if isinstance(value, (tuple, list)) and len(value) == 2 else (value, "")
        if value is None and not plt.get_fignums():
            return {"missing": True}
        if not hasattr(fig, "axes") and plt.get_fignums():
            fig = plt.gcf()  # drawn, but not given back
        fig.canvas.draw()
        return {"alt": str(alt)[:2000], "axes": [_read(ax) for ax in fig.axes[:SERIES]]}
    except BaseException as error:
        return {"problem": type(error).__name__}


def _read(ax: Any) -> dict:
    import numpy as np

    # As it is drawn: where x are names, their places.
    series = [(line.get_label(), *line.get_data(orig=False)) for line in ax.lines]
    series += [
        (c.get_label(), *np.asarray(c.get_offsets()).T)
        for c in ax.collections
        if len(c.get_offsets())
    ]
    bars = [p for p in ax.patches if hasattr(p, "get_height") and hasattr(p, "get_x")]
    if bars:
        series.append(
            ("", [p.get_x() + p.get_width() / 2 for p in bars], [p.get_height() for p in bars])
        )
        series.append(
            ("", [p.get_y() + p.get_height() / 2 for p in bars], [p.get_width() for p in bars])
        )
    legend = ax.get_legend()
    return {
        "x": ax.get_xlabel()[:TEXT],
        "y": ax.get_ylabel()[:TEXT],
        "log_x": ax.get_xscale() not in ("linear",),
        "ticks": [t.get_text()[:TEXT] for t in [*ax.get_xticklabels(), *ax.get_yticklabels()]][
            :100
        ],
        "x_limits": [float(v) for v in ax.get_xlim()],
        "y_limits": [float(v) for v in ax.get_ylim()],
        "legend": [t.get_text()[:TEXT] for t in legend.get_texts()][:SERIES] if legend else [],
        "series": [[_numbers(x), _numbers(y)] for _, x, y in series[:SERIES]],
    }


def _numbers(values: Any) -> list[float]:
    import numpy as np

    return [float(v) for v in np.asarray(values, dtype=float).ravel()[:POINTS]]
