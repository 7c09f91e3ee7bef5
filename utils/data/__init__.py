"""Real data sets behind the pictures' interface: folders as their publishers lay them out.

`imagenet`, `cub` and `pets` each give `Photographs`, read from disk one by one. Notebook 05;
`python -m utils.evaluate` measures on all of them.
"""

from utils.data.cub import cub
from utils.data.files import DataError, Photographs, skipped
from utils.data.imagenet import imagenet
from utils.data.pets import pets

__all__ = ["DataError", "Photographs", "cub", "imagenet", "pets", "skipped"]
