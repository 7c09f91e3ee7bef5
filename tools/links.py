"""Write the repository's address into every badge, clone line and citation: `make links`.

The address stands in one place, [project.urls] of pyproject.toml. Everything else follows from it;
running this twice changes nothing.
"""

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEXTS = ("README.md", "CONTRIBUTING.md", "CITATION.cff")
# What stands before our own "owner/name". Links to other people's repositories look different.
OURS = re.compile(
    r"""(?P<before>
        colab\.research\.google\.com/github/ |  # badges
        mybinder\.org/v2/gh/ |
        github\.com/(?=[\w.-]+/[\w.-]+/actions/) |
        git\ clone\ [^\n]*?github\.com/ |       # README, CONTRIBUTING
        \burl\b[^\n]*?https://github\.com/ |   # the notebooks' set-up cell
        repository-code:\ "https://github\.com/ # CITATION.cff
    )
    (?P<slug>[\w.-]+/[\w.-]+)""",
    re.VERBOSE,
)
BADGE = re.compile(r"(colab\.research\.google\.com/github/[\w.-]+/[\w.-]+/blob/main/)[^)\s\"]*")


def address(root: Path = ROOT) -> str:
    """The repository's address, as in pyproject.toml. (tomllib is not in Python 3.10.)"""
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r'^Repository = "https://github\.com/([\w.-]+/[\w.-]+)"$', text, re.MULTILINE)
    if not found:
        raise ValueError(
            "pyproject.toml: write the address under [project.urls] as "
            'Repository = "https://github.com/OWNER/NAME"'
        )
    return found[1]


def linked(text: str, slug: str) -> str:
    """The text with every address of ours made `slug`, an "owner/name"."""
    return OURS.sub(lambda found: found["before"] + slug, text)


def linked_notebook(text: str, slug: str, name: str) -> str:
    """The same for a notebook's JSON; the badge in its first cell also gets the file's own name."""
    nb = json.loads(linked(text, slug))
    first = nb["cells"][0]["source"]
    lines = [first] if isinstance(first, str) else first
    lines = [BADGE.sub(lambda found: f"{found[1]}notebooks/{name}", line) for line in lines]
    nb["cells"][0]["source"] = lines[0] if isinstance(first, str) else lines
    return json.dumps(nb, indent=1, ensure_ascii=False) + "\n"


def rewrite(root: Path = ROOT) -> list[Path]:
    """Bring every file up to date; return those that changed."""
    slug = address(root)
    changed = []
    for path in [*(root / name for name in TEXTS), *sorted((root / "notebooks").glob("*.ipynb"))]:
        before = path.read_text(encoding="utf-8")
        is_notebook = path.suffix == ".ipynb"
        after = linked_notebook(before, slug, path.name) if is_notebook else linked(before, slug)
        if after != before:
            path.write_text(after, encoding="utf-8", newline="\n")
            changed.append(path)
    return changed


if __name__ == "__main__":
    for path in rewrite():
        print(path.relative_to(ROOT))
