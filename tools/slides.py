"""A lecture of 45 minutes from the notebooks' own figures: `make slides`.

    python -m tools.slides [FILE]

Reads assignments/slides.md and writes one HTML file (slides.html, or FILE) that needs no network:
arrow keys turn the pages, N shows the notes, printing gives a handout with both. A slide ends at
`---`; below `Notes, 3 min:` stands what is said. `![beginning of the alt text](01_formulas)` is the
figure with that alt text, as it is stored in the notebook; `$...$` is mathematics, `$$...$$` on a
line of its own.
"""

import re
import sys
from html import escape
from pathlib import Path

from tools.notebooks import ROOT, read
from tools.site import mathml

TEXT = ROOT / "assignments" / "slides.md"
FIGURE = re.compile(r"^!\[([^\]]+)\]\((\d\d_\w+)\)$")
MATH = re.compile(r"\$\$([^$]+)\$\$|\$([^$]+)\$")
NOTES = re.compile(r"^Notes, (\d+) min:$", re.MULTILINE)
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>
body {{ font: 26px/1.4 sans-serif; margin: 0; }}
section {{ box-sizing: border-box; height: 100vh; padding: 3vh 5vw; }}
section {{ display: none; overflow: auto; }}
section.on {{ display: block; }}
h1 {{ font-size: 1.5em; margin: 0 0 .5em; }}
img {{ max-width: 100%; max-height: 58vh; display: block; margin: auto; }}
math {{ font: 1.05em "STIX Two Math", "Cambria Math", "DejaVu Math TeX Gyre", math; }}
math[display="block"] {{ font-size: 1.3em; margin: .8em 0; }}
aside {{ display: none; font-size: .65em; border-top: 1px solid; margin-top: 1em; }}
.notes aside {{ display: block; }}
@media print {{ section, aside {{ display: block; height: auto; page-break-after: always; }} }}
</style></head><body>
{slides}
<script>
const all = [...document.querySelectorAll("section")];
let at = Math.min(Math.max(parseInt(location.hash.slice(1)) || 1, 1), all.length) - 1;
const show = () => {{
  all.forEach((s, i) => s.classList.toggle("on", i === at));
  location.hash = at + 1;
}};
document.addEventListener("keydown", e => {{
  if (["ArrowRight", "PageDown", " "].includes(e.key)) at = Math.min(at + 1, all.length - 1);
  else if (["ArrowLeft", "PageUp"].includes(e.key)) at = Math.max(at - 1, 0);
  else if (e.key === "n" || e.key === "N") document.body.classList.toggle("notes");
  else return;
  e.preventDefault(); show();
}});
show();
</script></body></html>
"""


def figures(name: str) -> dict[str, str]:
    """A notebook's stored pictures as HTML, by their alt text."""
    found = {}
    for cell in read(ROOT / "notebooks" / f"{name}.ipynb").cells:
        for output in cell.get("outputs", []):
            for kind in ("image/png", "image/jpeg"):
                if data := output.get("data", {}).get(kind):
                    about = output.get("metadata", {}).get(kind, {})
                    text = "".join(output["data"].get("text/html", ""))
                    alt = about.get("alt") or "".join(re.findall(r'alt="([^"]*)"', text)[:1])
                    alt = alt or "".join(output["data"].get("text/plain", ""))
                    source = f"data:{kind};base64,{''.join(data).strip()}"
                    found[alt] = f'<img alt="{escape(alt)}" src="{source}">'
    return found


def words(text: str) -> str:
    """Text with its mathematics as HTML. Raises ValueError for what cannot be set."""
    found, end = [], 0
    for one in MATH.finditer(text):
        found += [escape(text[end : one.start()]), mathml(one[1] or one[2], _place(one))]
        end = one.end()
    return "".join([*found, escape(text[end:])])


def _place(one: re.Match) -> str:
    return "block" if one[1] else "inline"


def slide(text: str) -> str:
    """One slide as HTML.

    Raises ValueError for a figure that no notebook has, and for mathematics that cannot be set.
    """
    shown, _, said = NOTES.sub("\0", text.strip()).partition("\0")
    lines = []
    for line in shown.strip().split("\n"):
        if found := FIGURE.match(line):
            some = figures(found[2])
            whole = next((alt for alt in some if alt.startswith(found[1])), None)
            if whole is None:
                raise ValueError(f"{found[2]} has no figure whose alt text begins: {found[1]}")
            lines.append(some[whole])
        elif line.startswith("# "):
            lines.append(f"<h1>{words(line[2:])}</h1>")
        elif line.strip():
            lines.append(f"<p>{words(line)}</p>")
    return f"<section>{''.join(lines)}<aside>{words(said.strip())}</aside></section>"


def minutes(text: str) -> int:
    """How long the lecture takes, by its notes."""
    return sum(int(n) for n in NOTES.findall(text))


def lecture(text: str) -> str:
    """The whole file."""
    slides = [slide(part) for part in re.split(r"^---$", text, flags=re.MULTILINE)]
    title = text.strip().split("\n")[0].lstrip("# ")
    return PAGE.format(title=escape(title), slides="\n".join(slides))


def main(names: list[str]) -> int:
    """Write the slides; return the exit status."""
    path = Path(names[0] if names else ROOT / "slides.html")
    try:
        path.write_text(lecture(TEXT.read_text("utf8")), "utf8", newline="\n")
    except ValueError as problem:
        print(problem, file=sys.stderr)
        return 1
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
