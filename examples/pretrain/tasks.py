"""What is learned: pairs of digits, of which there are a hundred classes, and single digits."""

import sys
from pathlib import Path

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parent.parent / "digits"))
from data import METADATA, augment, load_splits  # noqa: E402


class Task:
    """Images that are made when they are asked for: a sample of an epoch is a number."""

    classes = 10
    columns = 8
    # How programs prepare images, and what the classes are called.
    metadata = METADATA

    def __init__(self):
        train, held_out = load_splits()
        self.images, self.digits = train.tensors()
        self.held_out = held_out.tensors()

    def __len__(self) -> int:
        return len(self.images)

    def batch(self, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """The images of some samples, each a little changed, and their classes."""
        return augment(self.images[numbers]), self.digits[numbers]

    def test(self) -> tuple[Tensor, Tensor]:
        """Images that training never sees, as they are, and their classes."""
        return self.held_out


class Pairs(Task):
    """Two digits side by side, drawn anew each time: 1.8 million pairs of the training digits."""

    classes = 100
    columns = 16
    metadata = {**METADATA, "pnet.labels": "\n".join(f"{pair:02}" for pair in range(100))}

    def batch(self, numbers: Tensor) -> tuple[Tensor, Tensor]:
        return self.pairs(super().batch(numbers), super().batch(torch.randint(len(self), numbers.shape)))

    def test(self) -> tuple[Tensor, Tensor]:
        images, digits = self.held_out
        order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
        return self.pairs((images, digits), (images[order], digits[order]))

    @staticmethod
    def pairs(left: tuple[Tensor, Tensor], right: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        return torch.cat([left[0], right[0]], dim=3), 10 * left[1] + right[1]


TASKS = {"pairs": Pairs, "digits": Task}
