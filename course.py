r"""Set up the course, then open it, prove it, or run one of its tools.

    python3 course.py lab  [JupyterLab's arguments]
    python3 course.py test [pytest's arguments]
    python3 course.py run EXTRA MODULE [the module's arguments]
    python3 course.py doctor            what to put into a question about the set-up

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
import platform
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import urllib.request
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
DISK_FULL = (
    "The disk is full: the set-up needs up to 4 GB, with PyTorch's GPU libraries 12 GB. Make room"
) + AGAIN
OFFLINE = (
    "The packages cannot be reached. Connect to the internet"
    " (behind a proxy: set HTTPS_PROXY)" + AGAIN
)
NO_WHEEL = (
    "There is no {} for this computer with this Python. Use the course on Colab,"
    " or install a 64-bit Python 3.12, delete the folder .venv" + AGAIN
)
INTEL_MAC = (
    "There is no PyTorch of today for Macs with an Intel processor: the last one, 2.2, is older"
    " than what the course needs. Use the course on Colab."
)
ROSETTA = (
    "This Python is made for Intel's processors, and this Mac has one of Apple's. Install Python"
    " from python.org, delete the folder .venv" + AGAIN
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
NOT_TAKEN = "  It cannot be had here, so the usual one comes, with its GPU libraries (6 GB in all)."
UNKNOWN = "The set-up failed; the last lines of {} say why. Mend that" + AGAIN

BEGINS = "--- "  # stands in the log before each command
SILENCE = 20  # seconds without a line of pip, then a word to the person who waits
CPU_BUILDS = "https://download.pytorch.org/whl/cpu"  # PyTorch's own index

# Runs a module, and ends with all that it started when the set-up ends, however that ends.
TIED = """
import os, runpy, sys, threading, time
parent, above = int(sys.argv[1]), getattr(os, "getppid", int)()
def watch():
    if os.name == "nt":
        import ctypes
        kernel = ctypes.windll.kernel32
        kernel.WaitForSingleObject(kernel.OpenProcess(0x100000, False, parent), 0xFFFFFFFF)
        os._exit(1)
    while os.getppid() == above:
        time.sleep(0.2)
    os.killpg(0, 9)
threading.Thread(target=watch, daemon=True).start()
del sys.argv[:2]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""

IS_WHOLE = """
import importlib.metadata, sys
assert sys.version_info[:2] >= {}
assert sys.prefix != sys.base_prefix  # else it is the computer's own Python, which we leave alone
assert importlib.metadata.files("pip")  # read from RECORD, which is written last
"""

VERSIONS = """
import importlib.metadata, platform
names = "torch torchvision numpy matplotlib ipywidgets ipykernel ipython jupyterlab".split()
found = {d.name.lower(): d.version for d in importlib.metadata.distributions()}
names = [f"{name} {found.get(name, '(missing)')}" for name in names]
print("Python", platform.python_version(), "with", ", ".join(names))
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
    return hashlib.sha256(b"\0".join([*parts, os.fsencode(str(root))])).hexdigest()


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
    if sys.platform == "darwin" and platform.machine() == "x86_64":
        raise Trouble(ROSETTA if is_translated() else INTEL_MAC)
    if logged(root, find_python(), ["venv", "--clear", str(root / ".venv")]) != 0:
        raise Trouble(explain(log(root)))


def is_translated():
    """True on a Mac whose processor only plays an Intel one for this Python."""
    try:
        asked = ["sysctl", "-n", "sysctl.proc_translated"]
        return subprocess.check_output(asked, stderr=subprocess.DEVNULL).strip() == b"1"
    except (OSError, subprocess.CalledProcessError):
        return False


def pip(root, arguments):
    """Run the environment's pip; the exit status."""
    scratch = root / ".venv" / "tmp"  # many a /tmp is too small for torch
    scratch.mkdir(exist_ok=True)
    always = ["pip", "--disable-pip-version-check", "install", "--progress-bar=off"]
    return logged(root, [str(python_in(root))], [*always, *arguments], TMPDIR=str(scratch))


def install(root, extra):
    """Install this project, editable, with an extra and under the constraints."""
    print("Installing into .venv; the first time takes minutes.", flush=True)
    unfinished(root).touch()
    if wants_cpu_build(root):
        install_cpu_build(root)
    code = pip(root, ["-c", "constraints.txt", "-e", f".[{extra}]"])
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


def has_nvidia():
    """True where an NVIDIA GPU can be seen."""
    return shutil.which("nvidia-smi") is not None or os.path.exists("/dev/nvidia0")


def wants_cpu_build(root):
    """True where PyTorch is still to come and would bring libraries for a GPU that is not there.

    That is so on Linux only: for Windows and macOS the usual build has none.
    """
    there = any((root / ".venv").glob("lib/python*/site-packages/torch"))
    return sys.platform.startswith("linux") and not there and not has_nvidia()


def install_cpu_build(root):
    """PyTorch and torchvision without GPU libraries, or, where they cannot be had, a word.

    Both in one call, for they fit together only if built alike.
    """
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    pair = re.findall(r'"(torch(?:vision)?[<>=~][^"]*)"', text)
    if not pair:
        return
    print("No NVIDIA GPU: taking PyTorch without GPU libraries (saves 4.5 of 6 GB).", flush=True)
    if can_be_reached(CPU_BUILDS):  # else pip would ask in vain for each package
        pip(root, ["--index-url", CPU_BUILDS, *pair])
        if has_cpu_build(root):
            return
        # Where pip asks other indexes too, it may have mixed the builds: such a pair never runs.
        logged(root, [str(python_in(root))], ["pip", "uninstall", "--yes", "torch", "torchvision"])
    print(NOT_TAKEN, flush=True)


def has_cpu_build(root):
    """True for a PyTorch without GPU libraries that its torchvision goes with."""
    code = "import torch, torchvision; assert '+cpu' in torch.__version__"
    return subprocess.call([str(python_in(root)), "-c", code], stderr=subprocess.DEVNULL) == 0


def can_be_reached(address):
    """True where a server answers within 15 seconds."""
    try:
        urllib.request.urlopen(address, timeout=15).close()
        return True
    except Exception:  # whatever it is, there is another way
        return False


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


def logged(root, python, module, **variables):
    """Run a module, its output going to the log and only what tells of progress to the screen.

    It ends with us, and with it all that it started: nothing goes on installing in the background.
    """
    env = dict(os.environ, PIP_REQUIRE_VIRTUALENV="1", PIP_USER="0", PIP_NO_INPUT="1", **variables)
    env["PYTHONIOENCODING"] = "utf-8"
    for name in ("PYTHONPATH", "PYTHONHOME"):  # packages of elsewhere are not the environment's
        env.pop(name, None)
    sayable = {"encoding": "utf-8", "errors": "backslashreplace"}  # Python 3.6 in the locale C
    with log(root).open("a", buffering=1, **sayable) as file:
        file.write(BEGINS + " ".join(module) + "\n")
        process = subprocess.Popen(
            [*python, "-c", TIED, str(os.getpid()), *module],
            cwd=str(root),
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        try:
            said = ""
            for line in lines_of(process, module[0]):
                file.write(line)
                word = word_for(line)
                if word and word != said:
                    print("  " + word, flush=True)
                    said = word
            return process.wait()
        finally:
            end(process)


def lines_of(process, module):
    """Each line of a module's output; where none comes for long, a word on the screen."""
    lines = queue.Queue()

    def read():
        for line in process.stdout:
            lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    last, patience = "", SILENCE
    while True:
        try:
            line, patience = lines.get(timeout=patience), SILENCE
        except queue.Empty:
            print("  " + waits_for(module, last), flush=True)
            patience *= 2
            continue
        if line is None:
            return
        last = line
        yield line


def waits_for(module, line):
    """What goes on behind the last line that venv or pip wrote, in words."""
    if module == "venv":
        return "still making the environment"
    if re.match(r"\s*Downloading", line):
        return "still downloading; on a slow line this takes a while"
    if line.startswith("Installing collected"):
        return "still unpacking"
    if not line or re.match(r"Looking|Collecting|WARNING: Retrying", line):
        return "no answer from the packages' server yet; still trying (Ctrl-C stops)"
    if re.match(r"\s*Installing build dependencies: started", line):  # what pip asks for first
        return "still waiting for the packages' server, or unpacking its first answer"
    return "still at work"


def end(process):
    """End a process that may still run, and on Linux and macOS all that it started."""
    if process.poll() is None:
        if os.name == "nt":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def word_for(line):
    """What a line of pip tells a waiting person; "" for most."""
    large = re.match(r"\s*(?:Downloading|Using cached) (\S+) \((\d\d+[.\d]* MB)\)", line)
    if large:
        wheel = large.group(1).split("/")[-1]
        return "{} ({})".format("-".join(wheel.split("-")[:2]), large.group(2))
    if line.startswith("Installing collected"):
        return "unpacking"
    if "Retrying (Retry" in line:
        return "the packages' server does not answer; trying again"
    return ""


def explain(path):
    """The one sentence that stands for a log of venv or pip that ended in failure."""
    text = path.read_text(encoding="utf-8", errors="replace").split(BEGINS)[-1]
    full = shutil.disk_usage(str(path.parent)).free < 5e7  # venv does not say so
    if full or re.search("No space left|not enough space|Disk quota exceeded", text):
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
        write_whole(folder / name, text)
        given[name] = new
        if name != path.name:
            lines.append(CHANGED.format(path.name, COPIES, name))
    write_whole(record, json.dumps(given, indent=1).encode("utf-8"))
    return lines


def write_whole(path, text):
    """Write bytes so that the file is there whole or not at all, whatever happens meanwhile."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(text)
    os.replace(str(part), str(path))


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
    """pytest's arguments: the whole suite goes to some processes, a part of it to one.

    One more than there are cores, for tests wait often: for a browser, a kernel, an end of time.
    Which tests stay together says tests/conftest.py.
    """
    if arguments:
        return arguments
    os.environ["OMP_NUM_THREADS"] = "1"  # or each process would want all cores
    return ["-n", str(min(4, 1 + (os.cpu_count() or 1))), "--no-loadscope-reorder"]


def run(root, arguments):
    """Run a module with the packages of an extra."""
    if len(arguments) < 2:
        raise Trouble(RUN_WHAT)
    extra, module, *rest = arguments
    prepare(root, extra)
    return call(root, "-m", module, *rest)


def doctor(root, arguments):
    """Print what somebody who is to help needs to know. It changes nothing and breaks nowhere."""
    print("Put all of this into your question (a form waits under Issues, New issue):\n\n```text")
    for name, find in [
        ("course", the_course),
        ("computer", the_computer),
        ("Python", lambda _: f"{platform.python_version()} {sys.executable}"),
        ("pip", the_settings),
        (".venv", the_environment),
        ("log", the_log),
        ("check", the_check),
    ]:
        try:
            found = find(root)
        except Exception as problem:  # a report with a hole helps more than none
            found = f"cannot be told ({type(problem).__name__}: {problem})"
        text = f"{name:9}" + without_secrets(found).replace("\n", "\n" + 9 * " ")
        known = getattr(sys.stdout, "encoding", None) or "ascii"
        print(text.encode(known, "backslashreplace").decode(known), flush=True)
    print("```")
    return 0


def the_course(root):
    """Its version, commit and changes."""
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    version = re.search(r'^version = "(.*)"', text, re.MULTILINE)
    commit = output_of("git", "-C", str(root), "log", "-1", "--format=%h %cs") or "without git"
    changes = len(output_of("git", "-C", str(root), "status", "--short").splitlines())
    if commit.startswith("fatal: "):  # no clone, or somebody else's
        commit, changes = commit.split("\n")[0], 0
    return "{}, {}, {} files changed, in {}".format(
        version.group(1) if version else "?", commit, changes, root
    )


def the_computer(root):
    """System, processor, room and GPU."""
    gpu = "an NVIDIA GPU" if has_nvidia() else "no NVIDIA GPU"
    free = shutil.disk_usage(str(root)).free / 1e9
    return f"{platform.platform()}, {os.cpu_count()} cores, {gpu}, {free:.0f} GB free"


def the_settings(_):
    """The names of what steers pip from outside; their values may hold passwords."""
    proxies = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "PYTHONPATH", "PYTHONHOME", "TORCH_HOME")
    names = [n for n in sorted(os.environ) if n.startswith("PIP_") or n.upper() in proxies]
    return "set: " + (", ".join(names) or "nothing")


def the_environment(root):
    """What is installed, and with which extras."""
    if not python_in(root).exists():
        return "is not there: make lab makes it"
    extras = [extra for extra in ("lab", "test", "teach") if is_ready(root, extra)]
    whole = "half-installed" if unfinished(root).exists() else "ready for " + str(extras)
    return whole + "\n" + output_of(str(python_in(root)), "-c", VERSIONS)


def the_log(root):
    """How the last set-up ended."""
    if not log(root).exists():
        return "no set-up has run"
    return last_lines(log(root).read_text(encoding="utf-8", errors="replace"))


def the_check(root):
    """What notebook 00 says of the environment; where that breaks, its last words."""
    code = "from utils import environment; environment.report()"
    return last_lines(output_of(str(python_in(root)), "-c", code, cwd=str(root))) or "says nothing"


def output_of(*command, **options):
    """All that a command prints; "" where there is none such."""
    env = dict(os.environ, PYTHONIOENCODING="utf-8")
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=env,
            timeout=300,
            **options,
        )
    except OSError:
        return ""
    return done.stdout.decode("utf-8", "replace").strip()


def last_lines(text, number=12):
    return "\n".join(text.rstrip().split("\n")[-number:])


def without_secrets(text):
    """Text fit for the public: no name of a home, no password in an address."""
    text = text.replace(str(Path.home()), "~")
    return re.sub(r"//[^/@\s]+@", "//***@", text)


def main(arguments, root=ROOT):
    """Carry out one command; return the exit status."""
    commands = {"lab": lab, "test": test, "run": run, "doctor": doctor}
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
        sentence = sentence.format(error.filename or "This folder", error.strerror, AGAIN)
        print(DISK_FULL if error.errno == errno.ENOSPC else sentence, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
