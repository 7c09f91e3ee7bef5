"""The digest of tensors: it must stay what it is, since results on disk hold it."""

import torch

from utils.digest import digest


def test_the_digest_stays_the_same_and_changes_with_any_number():
    numbers = torch.arange(6)
    assert digest([numbers]) == "f190072c5052"
    assert digest([numbers.reshape(2, 3).T.contiguous().T]) == digest([numbers])
    assert digest([numbers[:2], numbers[2:]]) == digest([numbers])
    numbers[3] = 7
    assert digest([numbers]) != "f190072c5052"
