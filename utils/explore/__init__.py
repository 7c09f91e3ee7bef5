"""Explorers: pictures that answer to a menu and sliders; thin over the modules of `utils`.

One file for each. Notebook 00 shows the first one.
"""

from utils.explore.classes import explorer

__all__ = ["explorer"]
