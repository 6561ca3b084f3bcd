"""The handwritten digits of scikit-learn, and weights files that say how to prepare them."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor
from torch.nn import functional as F

LABELS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

# How a program that reads an image has to prepare it; it travels inside the weights file.
METADATA = {
    "pnet.mean": "0",
    "pnet.std": "1",
    "pnet.resize": "stretch",
    "pnet.labels": "\n".join(LABELS),
}

# The held-out digits are the same whatever the seed of the training.
HELD_OUT = 0.25
SPLIT_SEED = 0

MAX_ROTATION = math.radians(10)
MAX_SCALING = 0.1
MAX_SHIFT = 0.5  # pixels


@dataclass
class Split:
    """Grey images as bytes, of shape (n, 8, 8), and the digit that each one shows."""

    images: np.ndarray
    digits: np.ndarray

    def tensors(self) -> tuple[Tensor, Tensor]:
        """The images as a reader of their PNG files sees them, grey / 255, and the digits."""
        pixels = torch.from_numpy(self.images).unsqueeze(1).float() / 255
        return pixels, torch.from_numpy(self.digits)


def load_splits() -> tuple[Split, Split]:
    """The digits to train on and the held-out ones, with the same share of each digit in both."""
    data = load_digits()
    grey = np.round(data.images * 255 / 16).astype(np.uint8)
    digits = data.target.astype(np.int64)
    train_images, test_images, train_digits, test_digits = train_test_split(
        grey, digits, test_size=HELD_OUT, stratify=digits, random_state=SPLIT_SEED
    )
    return Split(train_images, train_digits), Split(test_images, test_digits)


def augment(images: Tensor) -> Tensor:
    """Each image a little rotated, scaled and shifted."""
    count, _, _, side = images.shape
    angle, scaling, *shift = (2 * torch.rand(4, count) - 1).unbind()
    angle = angle * MAX_ROTATION
    scale = 1 + scaling * MAX_SCALING
    across, down = (s * MAX_SHIFT * 2 / side for s in shift)
    cos, sin = angle.cos() * scale, angle.sin() * scale
    theta = torch.stack([cos, -sin, across, sin, cos, down], dim=1).reshape(count, 2, 3)
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)


def save(network: torch.nn.Module, path: Path) -> None:
    """Write the weights, without the step counters of batch normalisation, which nothing reads."""
    tensors = {name: t for name, t in network.state_dict().items() if not name.endswith("num_batches_tracked")}
    save_file(tensors, path, metadata=METADATA)
    sort_metadata(path)


def sort_metadata(path: Path) -> None:
    """Put the metadata of a safetensors file in order: the library's changes from run to run."""
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode().ljust(size)
    path.write_bytes(len(text).to_bytes(8, "little") + text + content[8 + size :])
