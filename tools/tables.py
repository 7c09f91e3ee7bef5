"""What the README says in numbers, from where it is measured: `make figures`.

The table of results comes from utils/results.json, the notebooks' times from the notebooks.
"""

import re
from pathlib import Path

from tools import links
from tools.notebooks import ROOT, all_notebooks, read
from utils import results

README = ROOT / "README.md"
TIME = re.compile(r"\*\*Time\*\*: ([^\n]*)")
ROW = re.compile(r"(\| \d\d \| \[[^\]]*\]\(notebooks/([^)]*)\) \|) [^|]* (\|)")


def seeds(name: str, key: str) -> str:
    """Mean, lowest and highest over the seeds, in per cent."""
    return results.spread(results.values(name, key))


def boxes(name: str) -> str:
    """How many boxes are right, at the paper's threshold and at the network's own."""
    own = seeds(name, "gt_known_at_chosen")
    return f"{seeds(name, 'gt_known_at_20')}; at its own threshold {own}"


def blind(name: str, key: str, what: str) -> str:
    """The same for what knows nothing."""
    return f"{results.values(name, key).mean():.1f} ({what})"


def table() -> str:
    """The paper's numbers beside the course's, and what a map that knows nothing gets: per cent."""
    other_crop = blind("birds", "crop_of_another", "another picture's crop")
    centred_box = blind("birds", "box_best_centre", "the best centred box")
    rows = [
        ["right word, GAP", "65.0", seeds("objects-gap", "top1"), "", "03"],
        ["right word, GMP", "64.4", seeds("objects-gmp", "top1"), "", "03"],
        ["right box, GAP, 14 × 14 cells", "43.6", boxes("objects-gap"), "see below", "03"],
        ["right box, GMP, 14 × 14 cells", "42.2", boxes("objects-gmp"), "see below", "03"],
        ["right box, GAP, 7 × 7 cells", "39.9", boxes("objects-gap-s16"), "see below", "04"],
        ["right species, whole picture", "63.0", seeds("birds", "full"), "", "06"],
        ["right species, crop by CAM", "67.8", seeds("birds", "crop_at_chosen"), other_crop, "06"],
        ["right species, true box", "70.5", seeds("birds", "true_box"), "", "06"],
        ["right box of the bird", "41.0", seeds("birds", "box_at_20"), centred_box, "06"],
    ]
    head = ["%", "paper", "here", "a map that knows nothing", "notebook"]
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def minutes(text: str) -> int:
    """How long a notebook takes, by what it says. Raises ValueError where it says nothing."""
    found = TIME.search(text)
    if not found:
        raise ValueError('the notebook does not say "**Time**: about 40 minutes"')
    if "half an hour" in found[1]:
        return 30
    number = re.search(r"(\d+) minutes", found[1])
    return int(number[1]) if number else 60


def time_of(path: Path) -> str:
    return f"{minutes(' '.join(c.source for c in read(path).cells[:6]))} min"


def written(text: str) -> str:
    """The README with its table of results and the notebooks' times up to date."""
    times = {path.name: time_of(path) for path in all_notebooks()}
    text = ROW.sub(lambda row: f"{row[1]} {times.get(row[2], '?')} {row[3]}", text)
    return links.between(text, "results", table())


def main() -> None:
    README.write_text(written(README.read_text("utf8")), "utf8", newline="\n")
    print(README.name)


if __name__ == "__main__":
    main()
