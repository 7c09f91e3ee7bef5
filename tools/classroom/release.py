"""The student's notebooks, from the assignments: `make release`.

    python -m tools.classroom.release [--class my-class] [--seed 2027] [--to FOLDER] [NAME ...]

Writes my-class/release/NAME.ipynb: the questions without their solutions, the public checks as one
line of text, metadata as nbgrader writes it. Another seed is another year's variant. `--to` writes
them elsewhere; in `assignments` lies the variant of seed 1, which is no class's own.
"""

import inspect
import json
import sys
from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tools import links
from tools.classroom import folder
from tools.classroom.source import Assignment, Figure, Question, Written, assignment, names
from utils.check.handout import sealed

UPLOAD = '*On Colab: "File", "Upload notebook".*'
EMPTY = "*Write your answer here.*"
SETUP = """
# Set-up: finds the course here, above or installed; else fetches it beside this file.
import importlib.util
import io
import sys
import urllib.request
import zipfile
from pathlib import Path

def course():
    here = Path.cwd()
    for place in [here, *here.parents, *sorted(here.glob("cam-course*"))]:
        if (place / "utils" / "check" / "handout.py").is_file():
            return str(place)
    if importlib.util.find_spec("sketchbook"):
        return None
    try:
        url = "https://github.com/@SLUG@/archive/refs/heads/main.zip"
        zipfile.ZipFile(io.BytesIO(urllib.request.urlopen(url, timeout=60).read())).extractall()
    except OSError as problem:
        sentence = "The course is not here and cannot be fetched. Put this notebook into it."
        raise SystemExit(f"{sentence} ({problem})")
    return str(next(here.glob("cam-course*")))

if place := course():
    sys.path.insert(0, place)
from utils.check import handout

SEED = @SEED@
"""
CHECKS = """
#@title The checks: run this cell, there is nothing to read in it
CHECKS = handout.opened("@CHECKS@")
ok = dict.fromkeys(CHECKS, False)
"""
HEAD = """# Assignment {number} · {title}

{badge}

{story}

**After** {after}. **Time**: about {minutes} minutes. **Points**: {total:g}. Write your functions
into the cells that hold a stub; add as many cells of your own as you like. The check behind each
says right or wrong on public cases; the grade is made on others, with points for each part that is
right. What counts is what "Restart and run all" leaves, imports and helpers included. Save, and
hand in this file under its name."""


def notebook(work: Assignment, seed: int, slug: str) -> NotebookNode:
    """The student's notebook of an assignment."""
    nb = new_notebook(
        metadata={
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "assignment": {"name": work.name, "seed": seed},
        }
    )
    nb.cells = [_cell(work, f"c{i}", **about) for i, about in enumerate(_cells(work, seed, slug))]
    return nb


def _cells(work: Assignment, seed: int, slug: str):
    """Every cell as its kind, role, source and points."""
    public = seed == folder.SEED  # the variant that lies in `assignments`
    badge = links.badge(slug, f"assignments/{work.name}.ipynb") if public else UPLOAD
    told = {k: inspect.cleandoc(str(getattr(work, k))) for k in TOLD}
    yield {"text": HEAD.format(number=work.name[1], badge=badge, total=work.total, **told)}
    setup = SETUP.strip().replace("@SLUG@", slug).replace("@SEED@", str(seed))
    yield {"code": setup, "role": "setup"}
    checks = sealed({q.name: q.at(seed) for q in work.questions})
    yield {"code": CHECKS.strip().replace("@CHECKS@", checks), "role": "checks"}
    for part, then in zip(work.parts, [*work.parts[1:], None], strict=True):
        if isinstance(part, tuple):
            kind, source = part
            text = "\n\n".join(filter(None, [source, _worth(then)]))
            yield {"text": text} if kind == "text" else {"code": source, "role": kind}
        elif isinstance(part, Question):
            yield {"code": part.stub, "role": "answer", "name": part.name, "points": part.points}
            check = f'ok["{part.name}"] = CHECKS["{part.name}"]({part.name})'
            yield {"code": check, "role": "check", "name": part.name}
            yield {"text": _hint(part.hint)}
        elif isinstance(part, Figure):
            yield {"code": part.stub, "role": "answer", "name": part.name, "points": part.total}
            yield {"text": _hint(part.hint)}
        elif isinstance(part, Written):
            yield {"text": f"{part.ask}\n\n({part.total:g} points, read by a person.)"}
            yield {"text": EMPTY, "role": "written", "name": part.name, "points": part.total}


TOLD = ("title", "name", "story", "after", "minutes")


def _worth(part: Any) -> str:
    """What a function or a figure gets its points for; nothing for anything else."""
    if isinstance(part, Question):
        each = ", ".join(f"{points:g} for {group}" for group, points in part.groups.items())
        return f"**{part.points:g} points**: {each}."
    if not isinstance(part, Figure):
        return ""
    seen = {
        "labels": "labels on both axes that say what they show" + ", a legend" * part.legend,
        "content": "everything asked for, with the values given, and nothing cut off",
        "alt text": "an alt text of two sentences",
    }
    each = "; ".join(f"{points:g} for {seen[what]}" for what, points in part.points.items())
    return f"**{part.total:g} points**: {each}. The style is yours."


def _hint(text: str) -> str:
    return f"<details><summary>Hint</summary>\n\n{text.strip()}\n\n</details>"


def _cell(
    work: Assignment,
    number: str,
    *,
    text: str = "",
    code: str = "",
    role: str = "",
    name: str = "",
    points: float = 0,
) -> NotebookNode:
    """A cell with an id of its own and, where it is graded, nbgrader's metadata."""
    made = new_code_cell(code) if code else new_markdown_cell(text)
    made.id = "-".join(filter(None, [work.name[:2], number, role, name]))[:64].replace("_", "-")
    graded = role in ("answer", "written")
    made.metadata = NotebookNode(role=role) if role else NotebookNode()
    if role == "checks":  # folded in JupyterLab and on Colab
        made.metadata.update(jupyter={"source_hidden": True}, cellView="form")
    made.metadata["nbgrader"] = {
        "schema_version": 3,
        "grade_id": made.id,
        "grade": graded,
        "solution": graded,
        "locked": not graded,
        "task": False,
        **({"points": points} if graded else {}),
    }
    return made


def text_of(nb: NotebookNode) -> str:
    """A notebook as it is written to a file."""
    plain: Any = json.loads(json.dumps(nb))
    return json.dumps(plain, indent=1, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Write the notebooks; return the exit status."""
    asked = folder.parser(__doc__, "names")
    asked.add_argument("--seed", type=int)
    asked.add_argument("--to", type=Path)
    given = asked.parse_args(arguments)
    place = given.to or given.place / "release"
    if place.resolve() == folder.ROOT / "assignments":
        seed = folder.SEED
        if given.seed not in (None, seed):
            raise ValueError(
                f"assignments holds the variant of seed {seed}. Leave TO= out for your own: it is "
                "written into the class's folder"
            )
    else:
        seed = folder.settings(given.place, given.seed)["seed"]
    print(f"the variant of seed {seed}:")
    place.mkdir(parents=True, exist_ok=True)
    for name in given.names or names():
        nb = notebook(assignment(name), seed, links.address())
        (place / f"{name}.ipynb").write_text(text_of(nb), "utf8", newline="\n")
        print(place / f"{name}.ipynb")
    return 0


if __name__ == "__main__":
    sys.exit(folder.told(main, sys.argv[1:]))
