"""How well does a network classify and localize? Measured on drawn pictures or real data sets.

    python -m utils.evaluate --data sketchbook
    python -m utils.evaluate --data imagenet --root ~/imagenet --network resnet50
    torchrun --nproc_per_node=4 -m utils.evaluate --data cub --root ~/data --network resnet50

Each picture is squashed to the input size; the map of its true class is enlarged to the picture and
thresholded, and the box of the largest component is compared with the true boxes (notebook 05).
Where the data have masks (the sketchbook, pets, CUB with its segmentations), PxAP is measured too.
Results go to OUT/DATA-NETWORK-SIZE/: pictures.csv with a line for each picture, summary.json with
the table. A run that was stopped goes on where it was. Under torchrun the pictures are shared out
over processes, GPUs and machines in blocks of 16. The files are the same, byte for byte, with any
number of processes and workers, interrupted or not; blocks.py says why.

    measure.py      one picture to one row
    blocks.py       many pictures: passes in batches, worker processes
    store.py        rows and settings on disk, and what a run that goes on finds there
    figures.py      all rows to the figures, the figures to the table
    __main__.py     the command line, and the run over all pictures and processes

Exported are the steps, for whoever wants the numbers without the command:
`summarize([measure_picture(net, picture, 112, 0.2, "minmax") for picture in pictures])`.
"""

from utils.evaluate.figures import summarize, table
from utils.evaluate.measure import measure_picture
from utils.evaluate.store import read_rows

__all__ = ["measure_picture", "read_rows", "summarize", "table"]
