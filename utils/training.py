"""One `fit` for every network of the course."""

from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from utils.pictures import Pictures

Network = TypeVar("Network", bound=nn.Module)


def best_device() -> torch.device:
    """CUDA if there is one, else Apple's MPS, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def fit(
    network: Network,
    pictures: Pictures,
    epochs: int = 10,
    lr: float = 4e-3,
    batch_size: int = 64,
    seed: int = 0,
    device: torch.device | str | None = None,
    progress: bool = True,
) -> Network:
    """Train `network` on the pictures' labels with AdamW and a one-cycle schedule.

    Labels (N,) are classes: the loss is the cross-entropy of S_c. Labels (N, C), floats 0 or 1, say
    which of C things are there: the loss is the binary cross-entropy of each S_c; NaN says that it
    is not known, and counts for nothing. Half of the pictures of a batch are mirrored. The same
    seed gives the same order and the same mirrors. Returns the network on the CPU, in evaluation
    mode. Raises ValueError if the pictures do not fill one batch.
    """
    from tqdm.auto import tqdm  # here: in a notebook it brings ipywidgets along

    device = torch.device(device or best_device())
    order = torch.Generator().manual_seed(seed)
    network = network.to(device).to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=0.05)
    n_steps = epochs * (len(pictures) // batch_size)
    if n_steps == 0:
        raise ValueError(f"{len(pictures)} pictures do not fill one batch of {batch_size}")
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, n_steps)
    bar = tqdm(total=n_steps, disable=not progress, desc="training", unit="batch")
    for _ in range(epochs):
        for chosen in torch.randperm(len(pictures), generator=order).split(batch_size):
            if len(chosen) < batch_size:
                continue
            x = _mirror_some(pictures.images[chosen], order).to(device)
            S = network(x.contiguous(memory_format=torch.channels_last))
            loss = loss_of(S, pictures.labels[chosen].to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            bar.update()
            bar.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
    bar.close()
    return network.cpu().to(memory_format=torch.contiguous_format).eval()


def loss_of(S: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy for classes (N,), binary cross-entropy for floats (N, C); NaN is left out."""
    if labels.is_floating_point():
        known = ~labels.isnan()
        return functional.binary_cross_entropy_with_logits(S[known], labels[known])
    return functional.cross_entropy(S, labels)


def _mirror_some(images: Tensor, generator: torch.Generator) -> Tensor:
    mirrored = torch.rand(len(images), generator=generator) < 0.5
    return torch.where(mirrored[:, None, None, None], images.flip(-1), images)


@torch.no_grad()
def scores(network: nn.Module, images: Tensor, batch_size: int = 100) -> Tensor:
    """The class scores S_c of many pictures, in batches: (N, 3, H, W) -> (N, C)."""
    return torch.cat([network(batch) for batch in images.split(batch_size)])


def accuracy(network: nn.Module, pictures: Pictures) -> float:
    """Top-1 accuracy, a fraction of the pictures."""
    return (scores(network, pictures.images).argmax(1) == pictures.labels).float().mean().item()
