r"""Set up the course, then open it, prove it, or run one of its tools.

    python3 course.py lab  [JupyterLab's arguments]
    python3 course.py test [pytest's arguments]
    python3 course.py run EXTRA MODULE [the module's arguments]

On Windows: py course.py lab

This is what `make` calls: it makes the environment, and nothing of the course itself is in here
(that is in `utils`). EXTRA is a list of packages in pyproject.toml: lab, test or teach.

`lab` opens the learner's own folder, `my-course`: copies of the notebooks without their outputs,
which git ignores. What the learner wrote there is never touched.

Everything goes into the project's folder `.venv`, once. A stamp in there remembers what was
installed, so a second run calls no pip; a run that was interrupted is mended by running it again.

This file uses the standard library alone and nothing newer than Python 3.6, so that even an old
Python can say that it is too old.
"""

import errno
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

if os.name == "nt":
    import msvcrt
else:
    import fcntl

ROOT = Path(__file__).resolve().parent
OLDEST, NEWEST = (3, 10), (3, 14)
INCLUDES = {"test": ("test", "lab"), "teach": ("teach", "lab")}  # an extra installs these
COPIES = "my-course"
START = "/lab/tree/" + COPIES + "/00_start_here.ipynb"

AGAIN = ", then run the same command again."
DISK_FULL = "The disk is full: the course needs up to 12 GB. Make room" + AGAIN
OFFLINE = (
    "The packages cannot be reached. Connect to the internet"
    " (behind a proxy: set HTTPS_PROXY)" + AGAIN
)
NO_WHEEL = (
    "There is no {} for this computer with this Python. Use the course on Colab,"
    " or install a 64-bit Python 3.12, delete the folder .venv" + AGAIN
)
NO_VENV = (
    "This Python cannot make environments. Add what it lacks"
    " (Debian and Ubuntu: sudo apt install python3-venv)" + AGAIN
)
TOO_OLD = (
    "The course needs Python 3.10 or newer, and this is {}.{}."
    " Install a newer one from python.org" + AGAIN
)
AT_WORK = "Another set-up is at work in this folder. Let it finish" + AGAIN
CHANGED = "{} has changed in the course: the new one lies in {} as {}, yours stays as it is."
DAMAGED = "notebooks/{0} is damaged and was left out: git checkout notebooks/{0} brings it back."
RUN_WHAT = "Say with which packages and what to run, such as: course.py run test tools.links"
UNKNOWN = "The set-up failed; the last lines of {} say why. Mend that" + AGAIN

IS_WHOLE = """
import importlib.metadata, sys
assert sys.version_info[:2] >= {}
assert sys.prefix != sys.base_prefix  # else it is the computer's own Python, which we leave alone
assert importlib.metadata.files("pip")  # read from RECORD, which is written last
"""


class Trouble(Exception):
    """One sentence for the person at the keyboard: what is wrong, and what to do."""


# --- which Python ------------------------------------------------------------------------------


def version_of(command):
    """Version as a pair such as (3, 12), or None where the command does not run."""
    code = "import sys; print(*sys.version_info[:2])"
    try:
        out = subprocess.check_output([*command, "-c", code], stderr=subprocess.DEVNULL)
        major, minor = out.split()
        return int(major), int(minor)
    except (OSError, ValueError, subprocess.CalledProcessError):
        return None


def find_python():
    """The command of a Python that the course was tested with: this one, or another nearby."""
    this = [getattr(sys, "_base_executable", None) or sys.executable]
    minors = range(NEWEST[1], OLDEST[1] - 1, -1)
    if os.name == "nt":
        others = [["py", f"-3.{minor}"] for minor in minors]
    else:
        others = [[f"python3.{minor}"] for minor in minors]
    for command in [this, *others]:
        if OLDEST <= (version_of(command) or (0, 0)) <= NEWEST:
            return command
    if sys.version_info[:2] < OLDEST:
        raise Trouble(TOO_OLD.format(*sys.version_info[:2]))
    return this  # newer than what was tested: pip will tell


# --- the environment ---------------------------------------------------------------------------


def python_in(root):
    """The environment's own Python."""
    return root / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def stamp(root, extra):
    """The file that says what was installed for an extra."""
    return root / ".venv" / f"course-{extra}.stamp"


def unfinished(root):
    """The file that stands while packages are being installed."""
    return root / ".venv" / "course-unfinished"


def log(root):
    """Where the full output of venv and pip goes."""
    return root / "setup.log"


def fingerprint(root):
    """Hash of everything that the environment depends on, its Python and the folder included."""
    files = [root / "pyproject.toml", root / "constraints.txt", root / ".venv" / "pyvenv.cfg"]
    parts = [path.read_bytes() for path in files]
    return hashlib.sha256(b"\0".join([*parts, str(root).encode()])).hexdigest()


def is_ready(root, extra):
    """True where nothing has changed since the extra was installed."""
    files = [python_in(root), root / ".venv" / "pyvenv.cfg", stamp(root, extra)]
    return all(path.exists() for path in files) and files[-1].read_text() == fingerprint(root)


def is_sound(root):
    """True for an environment that pip can work with: whole, and not left half-installed."""
    if not python_in(root).exists() or unfinished(root).exists():
        return False
    command = [str(python_in(root)), "-c", IS_WHOLE.format(OLDEST)]
    return subprocess.call(command, stderr=subprocess.DEVNULL) == 0


def make_environment(root):
    """Make `.venv` afresh."""
    if shutil.disk_usage(str(root)).free < 2e9:
        raise Trouble(DISK_FULL)
    if logged(root, [*find_python(), "-m", "venv", "--clear", str(root / ".venv")]) != 0:
        raise Trouble(explain(log(root)))


def install(root, extra):
    """Install this project, editable, with an extra and under the constraints."""
    print("Installing into .venv; the first time takes minutes and up to 12 GB.", flush=True)
    unfinished(root).touch()
    pip = [str(python_in(root)), "-m", "pip", "--disable-pip-version-check"]
    scratch = root / ".venv" / "tmp"  # many a /tmp is too small for torch
    scratch.mkdir(exist_ok=True)
    project = ["install", "--progress-bar=off", "-c", "constraints.txt", "-e", f".[{extra}]"]
    code = logged(root, [*pip, *project], TMPDIR=str(scratch))
    sentence = explain(log(root)) if code else ""
    if sentence != DISK_FULL:
        unfinished(root).unlink()  # pip ended by itself and left nothing half-installed
    if sentence == OFFLINE and stamp(root, extra).exists():
        print("The internet cannot be reached: going on with the packages of last time.")
    elif sentence:
        raise Trouble(sentence)
    else:
        for name in INCLUDES.get(extra, (extra,)):
            stamp(root, name).write_text(fingerprint(root))


def prepare(root, extra):
    """Bring `.venv` to what the project asks for, with as little work as possible."""
    if is_ready(root, extra):
        return
    with (root / "setup.lock").open("w") as file:
        hold(file)
        log(root).write_text("")
        if not is_sound(root):
            make_environment(root)
        install(root, extra)


def hold(file):
    """Lock a file until it is closed, by us or by our end. Raises Trouble where another has it."""
    try:
        if os.name == "nt":
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise Trouble(AT_WORK) from None


# --- what venv and pip say ---------------------------------------------------------------------


def logged(root, command, **variables):
    """Run a command, its output going to the log and only the large downloads to the screen."""
    env = dict(os.environ, PIP_REQUIRE_VIRTUALENV="1", PIP_USER="0", PIP_NO_INPUT="1", **variables)
    env["PYTHONIOENCODING"] = "utf-8"
    with log(root).open("a", encoding="utf-8", buffering=1) as file:
        process = subprocess.Popen(
            command,
            cwd=str(root),
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        for line in process.stdout:
            file.write(line)
            show(line)
    return process.wait()


def show(line):
    """Print the lines of pip that tell a waiting person how far it is."""
    large = re.match(r"\s*(?:Downloading|Using cached) (\S+) \((\d\d+[.\d]* MB)\)", line)
    if large:
        wheel = large.group(1).split("/")[-1]
        print("  {} ({})".format("-".join(wheel.split("-")[:2]), large.group(2)), flush=True)
    elif line.startswith("Installing collected"):
        print("  unpacking", flush=True)


def explain(path):
    """The one sentence that stands for a log of venv or pip that ended in failure."""
    text = path.read_text(encoding="utf-8", errors="replace")
    if re.search("No space left|not enough space|Disk quota exceeded", text):
        return DISK_FULL
    if re.search("connection broken|NewConnectionError|Timeout|found for setuptools", text):
        return OFFLINE
    missing = re.search(r"No matching distribution found for ([\w-]+)", text)
    if missing:
        return NO_WHEEL.format(missing.group(1))
    if "ensurepip" in text:
        return NO_VENV
    return UNKNOWN.format(path)


# --- the learner's own copies ------------------------------------------------------------------


def hand_out(root):
    """Fill `my-course` from `notebooks`, outputs cleared; return a line for each changed one.

    A file that the learner has saved is left alone. Where the course's notebook has changed since,
    the new one is put beside it, once, as `03_gap_or_gmp (new).ipynb`.
    """
    folder, lines = root / COPIES, []
    folder.mkdir(exist_ok=True)
    record = folder / ".handed-out.json"  # by file name: the hash of what was written there
    given = recorded(record)
    for path in sorted((root / "notebooks").glob("*.ipynb")):
        try:
            text = without_outputs(path)
        except (ValueError, KeyError):  # such as the marks that git leaves in a conflict
            lines.append(DAMAGED.format(path.name))
            continue
        new, names = hash_of(text), names_for(path)
        if (folder / path.name).exists() and new in map(given.get, names):
            continue
        name = next(name for name in names if is_free(folder / name, given.get(name), new))
        (folder / name).write_bytes(text)
        given[name] = new
        if name != path.name:
            lines.append(CHANGED.format(path.name, COPIES, name))
    record.write_text(json.dumps(given, indent=1), encoding="utf-8")
    return lines


def recorded(path):
    """What a JSON file holds; nothing where it is missing or damaged, which costs only comfort."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def without_outputs(path):
    """A notebook as a learner gets it, in bytes. Raises ValueError where it is none."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell.update(outputs=[], execution_count=None)
    return (json.dumps(notebook, indent=1, ensure_ascii=False) + "\n").encode("utf-8")


def names_for(path):
    """Where a copy may lie, first choice first."""
    numbers = ["new", *(f"new {n}" for n in range(2, 100))]
    return [path.name, *(f"{path.stem} ({number}).ipynb" for number in numbers)]


def is_free(path, given, new):
    """True where nothing of the learner's would be lost: no file, or one as it was handed out."""
    return not path.exists() or hash_of(path.read_bytes()) in (given, new)


def hash_of(text):
    return hashlib.sha256(text).hexdigest()


# --- the commands ------------------------------------------------------------------------------


def call(root, *arguments):
    """Run the environment's Python; Ctrl-C is for it, not for us."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        return subprocess.call([str(python_in(root)), *arguments], cwd=str(root))
    finally:
        signal.signal(signal.SIGINT, before)


def lab(root, arguments):
    """Open the learner's own copy of the course in JupyterLab."""
    prepare(root, "lab")
    for line in hand_out(root):
        print(line, flush=True)
    return call(root, "-m", "jupyterlab", "--LabApp.default_url=" + START, *arguments)


def test(root, arguments):
    """Prove the project: style and types, then every test and notebook."""
    prepare(root, "test")
    return (
        call(root, "-m", "ruff", "check", ".")
        or call(root, "-m", "ruff", "format", "--check", ".")
        or call(root, "-m", "mypy")
        or call(root, "-m", "pytest", *in_parallel(arguments))
    )


def in_parallel(arguments):
    """pytest's arguments: the whole suite goes to some processes, a part of it to one."""
    if arguments:
        return arguments
    os.environ["OMP_NUM_THREADS"] = "1"  # or each process would want all cores
    return ["-n", str(min(4, os.cpu_count() or 1)), "--dist", "loadgroup"]


def run(root, arguments):
    """Run a module with the packages of an extra."""
    if len(arguments) < 2:
        raise Trouble(RUN_WHAT)
    extra, module, *rest = arguments
    prepare(root, extra)
    return call(root, "-m", module, *rest)


def main(arguments, root=ROOT):
    """Carry out one command; return the exit status."""
    commands = {"lab": lab, "test": test, "run": run}
    if not arguments or arguments[0] not in commands:
        print(__doc__)
        return 2
    try:
        return commands[arguments[0]](root, arguments[1:])
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
    except KeyboardInterrupt:
        print("\nStopped. Run the same command again to go on.", file=sys.stderr)
        return 130
    except OSError as error:
        sentence = "{} cannot be used: {}. Mend that{}"
        sentence = sentence.format(error.filename, error.strerror, AGAIN)
        print(DISK_FULL if error.errno == errno.ENOSPC else sentence, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
