"""Live figures: outputs that a reader can move, without a kernel, widgets or a network.

A live figure is one output of HTML: a still picture with its words, the numbers it is made of, and
a small script that computes and draws in the page (`live.js`, and one file for each kind). It works
in JupyterLab, on Colab and in VS Code, on the day after too, and in an exported page; where scripts
are taken out, as on GitHub and in a notebook that is not trusted, the still picture stands there.

One file for each kind; thin over the modules of `utils`. Notebook 00 shows the first one.
"""

from utils.live.browsing import browser
from utils.live.classes import explorer
from utils.live.evidence import bench
from utils.live.marking import paint
from utils.live.sweep import thresholds, variant

__all__ = ["bench", "browser", "explorer", "paint", "thresholds", "variant"]
