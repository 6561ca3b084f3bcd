"""Train the network of `digits.pnet` on scikit-learn's handwritten digits.

The modules below mirror the modules of `digits.pnet` name for name, so the `state_dict` of the trained network
is what the compiler expects, with no renaming in between. For each number of experts the script writes one weights
file, reads it back, and measures the accuracy on digits that the training never saw:

    python train.py                      # digits-e1.safetensors and digits-e4.safetensors
    python train.py --experts 8 --out eight-experts

It also writes one held-out image of each digit, as an 8×8 PNG, and `results.json` with what was measured.
"""

import argparse
import json
import math
import platform
import time
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
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

BATCH = 64
LEARNING_RATE = 4e-3
WARMUP = 0.1
WEIGHT_DECAY = 0.05
LABEL_SMOOTHING = 0.05
MAX_ROTATION = math.radians(10)
MAX_SCALING = 0.1
MAX_SHIFT = 0.5  # pixels


class Routing(nn.Module):
    """One coefficient for each expert, from the average of each channel."""

    def __init__(self, channels: int, experts: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, channels, bias=False)
        self.fc2 = nn.Linear(channels, experts, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        pooled = x.mean(dim=(2, 3))
        return self.fc2(self.fc1(pooled).relu()).softmax(dim=1)


class DynamicConv(nn.Module):
    """A convolution whose kernel is mixed from several experts, anew for each sample."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1, experts: int = 4
    ) -> None:
        super().__init__()
        self.stride = stride
        self.padding = (kernel - 1) // 2
        self.groups = groups
        self.weight = nn.Parameter(torch.empty(experts, outputs, inputs // groups, kernel, kernel))
        self.routing = Routing(inputs, experts)
        for expert in self.weight:
            nn.init.kaiming_normal_(expert, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        batch, _, height, width = x.shape
        kernels = torch.einsum("bm,moikl->boikl", self.routing(x), self.weight)
        # One grouped convolution over the whole batch: each sample is a set of groups of its own.
        y = F.conv2d(
            x.reshape(1, -1, height, width),
            kernels.flatten(0, 1),
            stride=self.stride,
            padding=self.padding,
            groups=batch * self.groups,
        )
        return y.reshape(batch, -1, *y.shape[2:])


class Separable(nn.Module):
    """A 3×3 depthwise convolution, then a 1×1 one over the channels."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, experts: int = 4) -> None:
        super().__init__()
        self.depthwise = DynamicConv(inputs, inputs, kernel=3, stride=stride, groups=inputs, experts=experts)
        self.depthwise_bn = nn.BatchNorm2d(inputs)
        self.pointwise = DynamicConv(inputs, outputs, experts=experts)
        self.pointwise_bn = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        filtered = self.depthwise_bn(self.depthwise(x)).relu()
        return self.pointwise_bn(self.pointwise(filtered))


class Stage(nn.Module):
    """Widens the features, then refines them with a residual branch."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, experts: int = 4) -> None:
        super().__init__()
        self.widen = Separable(inputs, outputs, stride=stride, experts=experts)
        self.refine = Separable(outputs, outputs, experts=experts)

    def forward(self, x: Tensor) -> Tensor:
        wide = self.widen(x).relu()
        return (wide + self.refine(wide)).relu()


class Digits(nn.Module):
    """Logits of the classes from grey images with values in 0..1, of shape (n, 1, 8, 8)."""

    def __init__(self, width: int = 16, experts: int = 4, classes: int = 10) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, width, 3, padding=1, bias=False)
        self.stem_bn = nn.BatchNorm2d(width)
        self.stages = nn.Sequential(
            Stage(width, 2 * width, stride=1, experts=experts),
            Stage(2 * width, 3 * width, stride=2, experts=experts),
        )
        self.classifier = nn.Linear(3 * width, classes)

    def forward(self, image: Tensor) -> Tensor:
        x = self.stem_bn(self.stem(image)).relu()
        return self.classifier(self.stages(x).mean(dim=(2, 3)))


@dataclass
class Split:
    """Grey images as bytes, of shape (n, 8, 8), and the digit that each one shows."""

    images: np.ndarray
    digits: np.ndarray

    def tensors(self) -> tuple[Tensor, Tensor]:
        """The images as a reader of their PNG files sees them, grey / 255, and the digits."""
        pixels = torch.from_numpy(self.images).unsqueeze(1).float() / 255
        return pixels, torch.from_numpy(self.digits)


@dataclass
class Result:
    experts: int
    file: str
    bytes: int
    parameters: int
    accuracy: float
    errors: int
    train_seconds: float


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


def train(split: Split, experts: int, epochs: int, seed: int) -> Digits:
    """A network trained by a fixed recipe; the last epoch is the result, whatever it scores."""
    torch.manual_seed(seed)
    images, digits = split.tensors()
    network = Digits(experts=experts)
    decayed = [p for p in network.parameters() if p.ndim > 1]
    free = [p for p in network.parameters() if p.ndim == 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": WEIGHT_DECAY}, {"params": free, "weight_decay": 0.0}]
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=LEARNING_RATE,
        total_steps=epochs * (len(images) // BATCH),
        pct_start=WARMUP,
        cycle_momentum=False,
    )
    network.train()
    for _ in range(epochs):
        order = torch.randperm(len(images))
        # The few digits left over by whole batches are others in each epoch.
        for batch in order[: len(order) // BATCH * BATCH].split(BATCH):
            logits = network(augment(images[batch]))
            loss = F.cross_entropy(logits, digits[batch], label_smoothing=LABEL_SMOOTHING)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return network.eval()


def save(network: Digits, path: Path) -> None:
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


def load(path: Path, experts: int) -> Digits:
    network = Digits(experts=experts)
    network.load_state_dict(load_file(path))
    return network.eval()


@torch.no_grad()
def predict(network: Digits, split: Split) -> np.ndarray:
    """The digit that the network sees in each image."""
    images, _ = split.tensors()
    return network(images).argmax(dim=1).numpy()


def write_images(split: Split, right: np.ndarray, out: Path) -> None:
    """Write the first image of each digit among those marked as right, if there is one."""
    for digit, label in enumerate(LABELS):
        for first in np.flatnonzero(right & (split.digits == digit))[:1]:
            Image.fromarray(split.images[first]).save(out / f"{label}.png")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train the network of digits.pnet on scikit-learn's digits.")
    parser.add_argument("--experts", type=int, nargs="+", default=[1, 4], help="train one network for each number")
    parser.add_argument("--epochs", type=int, default=120)
    parser.add_argument("--seed", type=int, default=0, help="of the initial weights, the order and the augmentation")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder for everything written")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    arguments.out.mkdir(parents=True, exist_ok=True)
    # One thread, so that no sum depends on how many cores there are.
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)

    train_split, held_out = load_splits()
    right_by_all = np.ones(len(held_out.digits), dtype=bool)
    results = []
    for experts in arguments.experts:
        path = arguments.out / f"digits-e{experts}.safetensors"
        start = time.perf_counter()
        network = train(train_split, experts, arguments.epochs, arguments.seed)
        seconds = time.perf_counter() - start
        save(network, path)

        right = predict(load(path, experts), held_out) == held_out.digits
        right_by_all &= right
        result = Result(
            experts=experts,
            file=path.name,
            bytes=path.stat().st_size,
            parameters=sum(p.numel() for p in network.parameters()),
            accuracy=round(float(right.mean()), 4),
            errors=int((~right).sum()),
            train_seconds=round(seconds, 1),
        )
        results.append(result)
        print(
            f"{result.file}: {result.accuracy:.2%} of {len(right)} held-out digits, {result.parameters} parameters, "
            f"{result.bytes} bytes, trained in {result.train_seconds} s"
        )

    write_images(held_out, right_by_all, arguments.out)
    report = {
        "seed": arguments.seed,
        "epochs": arguments.epochs,
        "train_digits": len(train_split.digits),
        "held_out_digits": len(held_out.digits),
        "results": [asdict(result) for result in results],
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("numpy", "pillow", "safetensors", "scikit-learn", "torch")},
        },
    }
    (arguments.out / "results.json").write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
