"""Train a network that `pnetc build --emit pytorch` wrote, on one process or several.

    pnetc build reader.pnet --emit pytorch -o reader.py
    torchrun --nproc-per-node 2 train.py reader.py --task pairs --out runs/pairs
    torchrun --nproc-per-node 2 train.py reader.py --task digits --weights runs/pairs/weights.safetensors --out runs/digits

The processes share each batch (`--batch` is that of all together): over gloo on CPUs, over NCCL on GPUs. The same command goes on from
the last checkpoint in `--out` if there is one, and so does torchrun itself with `--max-restarts`.
"""

import argparse
import importlib.util
import json
import math
import os
import signal
import sys
import time
from pathlib import Path

import checkpoint
import torch
import torch.distributed as dist
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from tasks import TASKS, Task
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DistributedSampler


def exported(path: Path, name: str, task: Task, arguments: str) -> nn.Module:
    """The network of an exported file, for the images and classes of a task."""
    spec = importlib.util.spec_from_file_location("exported", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    given = dict(argument.split("=") for argument in arguments.split(",") if argument)
    given = {key: float(value) if "." in value else int(value) for key, value in given.items()}
    return getattr(module, name)(columns=task.columns, classes=task.classes, **given)


def start_from(network: nn.Module, path: Path) -> list[str]:
    """Loads the weights that fit and returns the names of the others: those of the head."""
    own, weights = network.state_dict(), load_file(path)
    fitting = {name: tensor for name, tensor in weights.items() if name in own and own[name].shape == tensor.shape}
    left = [name for name in own if name not in fitting and not name.endswith("num_batches_tracked")]
    network.load_state_dict(fitting, strict=False)
    return left


def optimiser(
    network: nn.Module, rate: float, decay: float, is_fine_tuning: bool, head: list[str]
) -> torch.optim.AdamW:
    """AdamW; scales and biases do not decay, and a new head learns ten times as fast as what was pretrained."""
    groups = {}
    for name, parameter in network.named_parameters():
        factor = 0.1 if is_fine_tuning and name not in head else 1.0
        key = (factor, decay if parameter.ndim > 1 else 0.0)
        groups.setdefault(key, []).append(parameter)
    return torch.optim.AdamW(
        [{"params": group, "lr": rate * factor, "weight_decay": decay} for (factor, decay), group in groups.items()]
    )


def schedule(steps: int, warmup: int):
    """The factor of the learning rate: it rises evenly, then falls as a cosine does."""

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        return (1 + math.cos(math.pi * (step - warmup) / max(steps - warmup, 1))) / 2

    return factor


@torch.no_grad()
def accuracy(network: nn.Module, task: Task, device: torch.device) -> float:
    """The share of held-out images that the network gets right."""
    network.eval()
    images, classes = task.test()
    right = [network(part.to(device)).argmax(1).cpu() for part in images.split(256)]
    network.train()
    return (torch.cat(right) == classes).float().mean().item()


def train(arguments: argparse.Namespace, device: torch.device) -> None:
    rank, world = dist.get_rank(), dist.get_world_size()
    task = TASKS[arguments.task]()
    torch.manual_seed(arguments.seed)  # the same initial weights everywhere
    network = exported(arguments.network, arguments.name, task, arguments.set).to(device)
    head = start_from(network, arguments.weights) if arguments.weights else []
    sampler = DistributedSampler(range(len(task)), world, rank, seed=arguments.seed, drop_last=True)
    per_process = arguments.batch // world
    per_epoch = len(sampler) // per_process
    steps = arguments.epochs * per_epoch
    optimizer = optimiser(network, arguments.rate, arguments.decay, arguments.weights is not None, head)
    warmup = max(int(arguments.warmup * steps), 1)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, schedule(steps, warmup))
    average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(arguments.average), use_buffers=True)
    parts = {"network": network, "optimizer": optimizer, "scheduler": scheduler, "average": average}

    torch.manual_seed(arguments.seed + 1 + rank)  # other images and dropout in each process
    file = arguments.out / "checkpoint.pt"
    progress = checkpoint.load(file, parts)
    if rank == 0:
        log(arguments.out, start="again" if progress else "anew", processes=world, device=device.type, head=head)
    done = progress["step"] if progress else 0
    parallel = DistributedDataParallel(network, device_ids=[device] if device.type == "cuda" else None)
    parallel.train()
    began = time.perf_counter()
    for epoch in range(done // per_epoch, arguments.epochs):
        sampler.set_epoch(epoch)
        numbers = torch.tensor(list(sampler)).split(per_process)[:per_epoch]
        for batch in numbers[done - epoch * per_epoch :]:
            if done == arguments.kill_at and rank == world - 1 and progress is None:
                os.kill(os.getpid(), signal.SIGKILL)
            images, classes = (tensor.to(device) for tensor in task.batch(batch))
            loss = F.cross_entropy(parallel(images), classes, label_smoothing=arguments.smoothing)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            average.update_parameters(network)
            done += 1
            if done % arguments.save_every == 0 or done == steps:
                checkpoint.save(file, parts, {"step": done})
                dist.all_reduce(loss := loss.detach())
                if rank == 0:
                    speed = done * arguments.batch / (time.perf_counter() - began) if progress is None else None
                    log(
                        arguments.out,
                        step=done,
                        of=steps,
                        epoch=epoch,
                        loss=loss.item() / world,
                        images_per_second=speed,
                    )
    if rank == 0:
        found = accuracy(average.module, task, device)
        weights = {name: tensor for name, tensor in average.module.state_dict().items() if "num_batches" not in name}
        beside = arguments.out / f"weights.{os.getpid()}"
        save_file(weights, beside, metadata=task.metadata)
        os.replace(beside, arguments.out / "weights.safetensors")
        log(arguments.out, accuracy=found, of=len(task.test()[1]), weights=str(arguments.out / "weights.safetensors"))


def log(folder: Path, **facts) -> None:
    """A line for people, and the same for programs in `log.jsonl`."""
    facts = {name: fact for name, fact in facts.items() if fact is not None}
    shown = [f"{name} {fact:.4f}" if isinstance(fact, float) else f"{name} {fact}" for name, fact in facts.items()]
    print("  ".join(shown), flush=True)
    with open(folder / "log.jsonl", "a", encoding="utf-8") as file:
        file.write(json.dumps(facts) + "\n")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train an exported network on one process or several.")
    parser.add_argument("network", type=Path, help="the file that `pnetc build --emit pytorch` wrote")
    parser.add_argument("--name", default="Reader", help="its class")
    parser.add_argument("--set", default="", help="hyper-parameters, such as width=24,experts=8")
    parser.add_argument("--task", choices=TASKS, required=True)
    parser.add_argument("--weights", type=Path, help="weights to begin with: fine-tuning")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoint, weights and log")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--batch", type=int, default=64, help="images in a step, of all processes together")
    parser.add_argument("--rate", type=float, default=4e-3, help="the highest learning rate")
    parser.add_argument("--decay", type=float, default=0.05, help="weight decay")
    parser.add_argument("--warmup", type=float, default=0.1, help="the share of steps in which the rate rises")
    parser.add_argument("--smoothing", type=float, default=0.1, help="label smoothing")
    parser.add_argument("--average", type=float, default=0.99, help="decay of the average of the weights")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save-every", type=int, default=200, help="steps between checkpoints")
    parser.add_argument("--kill-at", type=int, help="kill the last process before this step, to see the training go on")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    arguments.out.mkdir(parents=True, exist_ok=True)
    on_gpu = torch.cuda.is_available()
    if "RANK" not in os.environ:  # without torchrun: one process
        os.environ.update(RANK="0", WORLD_SIZE="1", LOCAL_RANK="0", MASTER_ADDR="127.0.0.1", MASTER_PORT="0")
    device = torch.device("cuda", int(os.environ["LOCAL_RANK"])) if on_gpu else torch.device("cpu")
    if on_gpu:
        torch.cuda.set_device(device)
    else:
        torch.set_num_threads(1)
    # What processes that were killed left in the store of torchrun is not for those that take their place.
    store, rank, world = next(dist.rendezvous("env://"))
    store = dist.PrefixStore(f"start {os.environ.get('TORCHELASTIC_RESTART_COUNT', 0)}", store)
    dist.init_process_group("nccl" if on_gpu else "gloo", store=store, rank=rank, world_size=world)
    train(arguments, device)
    dist.barrier()
    # Everything is written. Without the end of the interpreter, in which gloo's threads can abort the process: torchrun would take
    # that for a failure, and start all again.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
