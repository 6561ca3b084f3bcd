"""Train the network of `digits.pnet` on scikit-learn's handwritten digits.

`pnetc build --emit pytorch` writes the network as PyTorch, with the names of `digits.pnet`, so the `state_dict` of the trained
network is what the compiler expects. For each number of experts the script writes one weights file, reads it back, and
measures the accuracy on digits that the training never saw:

    python train.py                      # digits-e1.safetensors and digits-e4.safetensors
    python train.py --experts 8 --out eight-experts

It also writes one held-out image of each digit, as an 8×8 PNG, and `results.json` with what was measured.
"""

import argparse
import importlib.util
import json
import os
import platform
import shlex
import subprocess
import tempfile
import time
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from data import LABELS, Split, augment, load_splits, save
from PIL import Image
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F

HERE = Path(__file__).parent

BATCH = 64
LEARNING_RATE = 4e-3
WARMUP = 0.1
WEIGHT_DECAY = 0.05
LABEL_SMOOTHING = 0.05


@dataclass
class Result:
    experts: int
    file: str
    bytes: int
    parameters: int
    accuracy: float
    errors: int
    train_seconds: float


def exported(pnetc: str) -> ModuleType:
    """The network of `digits.pnet` as PyTorch."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "digits.py"
        network = HERE / "digits.pnet"
        subprocess.run([*shlex.split(pnetc), "build", network, "--emit", "pytorch", "-o", path], check=True)
        spec = importlib.util.spec_from_file_location("exported", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module


def train(network: nn.Module, split: Split, epochs: int) -> nn.Module:
    """A network trained by a fixed recipe; the last epoch is the result, whatever it scores."""
    images, digits = split.tensors()
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


def load(network: nn.Module, path: Path) -> nn.Module:
    network.load_state_dict(load_file(path))
    return network.eval()


@torch.no_grad()
def predict(network: nn.Module, split: Split) -> np.ndarray:
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
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0, help="of the initial weights, the order and the augmentation")
    default = os.environ.get("PNETC", "cargo run --quiet --release --bin pnetc --")
    parser.add_argument(
        "--pnetc", default=default, help="the compiler, as a command [default: $PNETC, or built with cargo]"
    )
    parser.add_argument("--out", type=Path, default=HERE, help="folder for everything written")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    arguments.out.mkdir(parents=True, exist_ok=True)
    # One thread, so that no sum depends on how many cores there are.
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)

    digits = exported(arguments.pnetc)
    train_split, held_out = load_splits()
    right_by_all = np.ones(len(held_out.digits), dtype=bool)
    results = []
    for experts in arguments.experts:
        path = arguments.out / f"digits-e{experts}.safetensors"
        start = time.perf_counter()
        torch.manual_seed(arguments.seed)
        network = train(digits.Digits(experts=experts), train_split, arguments.epochs)
        seconds = time.perf_counter() - start
        save(network, path)

        right = predict(load(digits.Digits(experts=experts), path), held_out) == held_out.digits
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
