"""The command line of experiments on a folder of ImageNet's validation pictures.

    python -m utils.experiments.covering FOLDER --network resnet50 --most 1000

is one of them; notebooks say which gives their numbers.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace

from utils import models, networks
from utils.data import imagenet
from utils.data.files import Photographs

Lines = Callable[[networks.CamNetwork, Photographs], Sequence[str]]


def main(about: str | None, lines: Lines, argv: Sequence[str] | None = None) -> None:
    """Print what `lines` says of a network and a folder; a network that is not here says why."""
    parser = argparse.ArgumentParser(description=(about or "").strip().splitlines()[0])
    parser.add_argument("root", help="a folder of ImageNet's validation pictures with boxes")
    parser.add_argument("--network", default="mobilenet_v2", help="any of torchvision's")
    parser.add_argument("--most", type=int, help="the first so many pictures; all without it")
    args = parser.parse_args(argv)
    if (net := models.pretrained(args.network)) is not None:
        data = imagenet(args.root)
        print("\n".join(lines(net, replace(data, entries=data.entries[: args.most]))))
