"""Write the repository's address into every badge, clone line and citation: `make links`.

    python -m tools.links               the address in pyproject.toml, or else of the git remote
    python -m tools.links OWNER/NAME    this one, from now on; with --pages, its GitHub Pages, too

The address stands in one place, [project.urls] of pyproject.toml. Everything else follows from it,
the set-up cell of every notebook too (its source is tools/template/setup.py). Until there is an
address, a sentence stands where the badges will be. Running this twice changes nothing. It uses the
standard library alone, for a fork calls it before anything is installed.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
NOWHERE = "OWNER/cam-course"  # in pyproject.toml until there is an address
ROOMS = ("notebooks", "assignments")
TEXTS = ("README.md", "CONTRIBUTING.md", "CITATION.cff")
SLUG = r"[\w.-]+/[\w.-]+"
# What stands before our own "owner/name". Links to other people's repositories look different.
OURS = re.compile(
    rf"""(?P<before>
        git\ clone\ [^\n]*?github\.com/ |          # README, CONTRIBUTING
        repository-code:\ "https://github\.com/ |  # CITATION.cff
        url\ =\ \\"https://github\.com/            # an assignment's set-up, in JSON
    )
    (?P<slug>{SLUG})""",
    re.VERBOSE,
)
INTO = re.compile(r"(git clone \S+\ncd )[\w.-]+")  # the folder that a clone makes
PLACE = re.compile(rf'^Repository = "https://github\.com/({SLUG})"$', re.MULTILINE)
PAGES = re.compile(r'^Homepage = "(https://[\w.-]+\.github\.io/[^"]*)"\n', re.MULTILINE)
REMOTE = re.compile(rf"(?:https://|ssh://|git@)(?:[^/\s]*@)?github\.com[/:]({SLUG}?)(?:\.git)?/?")

COLAB = (
    "[![Open In Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
    "(https://colab.research.google.com/github/{}/blob/main/{})"
)
NO_COLAB = "*Open In Colab: the button stands here once the course has a public address.*"
A_COLAB = re.compile(r"\[!\[Open In Colab\]\([^)]*\)\]\([^)]*\)|\*Open In Colab: [^*\n]*\*")
START = "notebooks/00_start_here.ipynb"
BADGES = (
    "[![test](https://github.com/{0}/actions/workflows/test.yml/badge.svg)]"
    "(https://github.com/{0}/actions/workflows/test.yml)\n"
    "{1}\n"
    "[![Binder](https://mybinder.org/badge_logo.svg)]"
    "(https://mybinder.org/v2/gh/{0}/HEAD?urlpath=lab/tree/" + START + ")"
)
READ = (
    "\n\n**[Look at it first]({}):** every notebook as a page, and a drawing board where a network "
    "answers while you draw."
)
NO_BADGES = (
    "*The buttons for Colab and Binder stand here once the course has a public address: "
    "`make links` finds it.*"
)
SETUP = {"cellView": "form", "jupyter": {"source_hidden": True}, "tags": ["setup"]}  # folded


def address(root: Path = ROOT) -> str:
    """The repository's address, as in pyproject.toml. (tomllib is not in Python 3.10.)"""
    found = PLACE.search((root / "pyproject.toml").read_text(encoding="utf-8"))
    if not found:
        raise ValueError(
            "pyproject.toml: write the address under [project.urls] as "
            f'Repository = "https://github.com/{NOWHERE}"'
        )
    return found[1]


def remote(root: Path = ROOT) -> str:
    """The "owner/name" on GitHub that this clone came from; "" where it is none of GitHub's."""
    command = ["git", "-C", str(root), "config", "--local", "remote.origin.url"]
    try:
        url = subprocess.run(command, capture_output=True, text=True).stdout.strip()
    except OSError:  # no git
        return ""
    found = REMOTE.fullmatch(url)
    return found[1] if found and (root / ".git").exists() else ""


def pages(root: Path = ROOT) -> str:
    """Where the course is to be read as pages; "" where nobody has turned GitHub Pages on."""
    found = PAGES.search((root / "pyproject.toml").read_text(encoding="utf-8"))
    return found[1] if found else ""


def pages_of(slug: str) -> str:
    """The address that GitHub Pages gives a repository."""
    owner, name = slug.split("/")
    return f"https://{owner.lower()}.github.io/{name}/"


def badge(slug: str, path: str) -> str:
    """The button that opens a notebook on Colab, or the sentence in its place."""
    return NO_COLAB if slug == NOWHERE else COLAB.format(slug, path)


def badges(slug: str, pages: str = "") -> str:
    """The README's buttons, and the way to the pages; or the sentence in their place."""
    if slug == NOWHERE:
        return NO_BADGES
    return BADGES.format(slug, badge(slug, START)) + (READ.format(pages) if pages else "")


def between(text: str, name: str, new: str) -> str:
    """The text with what stands between `<!-- name -->` and `<!-- end -->` made `new`."""
    found = re.compile(rf"(<!-- {name}\b[^>]*-->\n).*?(\n<!-- end -->)", re.DOTALL)
    return found.sub(lambda m: m[1] + new + m[2], text)


def linked(text: str, slug: str, pages: str = "") -> str:
    """The text with every address of ours made `slug`, an "owner/name"."""
    text = between(text, "badges", badges(slug, pages))
    text = OURS.sub(lambda found: found["before"] + slug, text)
    return INTO.sub(lambda found: found[1] + slug.split("/")[1], text)


def setup_cell(slug: str) -> str:
    """The source of the set-up cell, the same in all notebooks."""
    text = (ROOT / "tools" / "template" / "setup.py").read_text(encoding="utf-8")
    return text.replace("@ADDRESS@", slug).strip()


def linked_notebook(text: str, slug: str, path: str) -> str:
    """The same for a notebook's JSON, the badge in its first cell and its set-up cell included."""
    nb = json.loads(linked(text, slug))
    for number, cell in enumerate(nb["cells"]):
        source = "".join(cell["source"])
        if number == 0:
            source = A_COLAB.sub(badge(slug, path), source)
        elif "setup" in cell.get("metadata", {}).get("tags", []):
            source, cell["metadata"] = setup_cell(slug), SETUP
        if source != "".join(cell["source"]):
            whole = isinstance(cell["source"], str)  # as releases are written
            cell["source"] = source if whole else source.splitlines(True)
    return json.dumps(nb, indent=1, ensure_ascii=False) + "\n"


def rewrite(root: Path = ROOT, slug: str = "", has_pages: bool | None = None) -> list[Path]:
    """Bring every file up to date; return those that changed. Raises ValueError for a bad slug.

    `has_pages` says whether GitHub Pages is on; None leaves that as pyproject.toml has it.
    """
    old = address(root)
    slug = slug or (old if old != NOWHERE else remote(root)) or NOWHERE
    if not re.fullmatch(SLUG, slug):
        raise ValueError(f"{slug} is no address: give OWNER/NAME, as in github.com/OWNER/NAME.")
    if has_pages is None:
        has_pages = pages(root) == pages_of(slug)
    read, changed = pages_of(slug) if has_pages else "", []
    line = f'Homepage = "{read}"\n' if read else ""
    texts = [root / name for name in ("pyproject.toml", *TEXTS)]
    for path in [*texts, *(p for room in ROOMS for p in sorted((root / room).glob("*.ipynb")))]:
        before = path.read_text(encoding="utf-8")
        if path.suffix == ".ipynb":
            after = linked_notebook(before, slug, path.relative_to(root).as_posix())
        elif path.suffix == ".toml":
            after = PLACE.sub(
                f'{line}Repository = "https://github.com/{slug}"', PAGES.sub("", before)
            )
        else:
            after = linked(before, slug, read)
        if after != before:
            path.write_text(after, encoding="utf-8", newline="\n")
            changed.append(path)
    return changed


def main(arguments: list[str]) -> int:
    """Rewrite, print what changed, and say where there is no address; return the exit status."""
    slug = [a for a in arguments if a != "--pages"][:1]
    try:
        for path in rewrite(ROOT, *slug, has_pages="--pages" in arguments if slug else None):
            print(path.relative_to(ROOT))
    except ValueError as problem:
        print(problem, file=sys.stderr)
        return 1
    if address() == NOWHERE:
        print("There is no address yet: pyproject.toml names none, and origin is not on GitHub.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
