# @title Set-up: run this and go on. It finds the course or, as on Colab, fetches it.
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path


def trouble(url, here):  # "", or one sentence
    root, places = here / Path(url).name, [here, *here.parents]
    root = next((p for p in places if (p / "utils" / "cam.py").exists()), root)
    if not (root / "utils").exists():
        patience = "-c core.askPass=true -c http.lowSpeedLimit=1 -c http.lowSpeedTime=20"
        fetch = f"git {patience} clone --quiet --depth=1 {url}"
        if (done := subprocess.getstatusoutput(fetch))[0]:
            return f"The course cannot be fetched. Once online, run this again. {done[1]}"
    for name in [n for n in sys.modules if n.split(".")[0] in ("utils", "sketchbook")]:
        if root not in Path(getattr(sys.modules[name], "__file__", None) or "/").parents:
            del sys.modules[name]  # somebody else's
    sys.path[:] = [str(root), *(p for p in sys.path if p != str(root))]
    return "" if find_spec("torch") else f"PyTorch is missing: open this by make lab in {root}."


if _text := trouble("https://github.com/@ADDRESS@", Path.cwd()):
    raise type("SetUp", (Exception,), {"_render_traceback_": lambda e: [str(e)]})(_text)
