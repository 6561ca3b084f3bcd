"""Checkpoints from which a training goes on exactly as if it had never ended."""

import os
from pathlib import Path

import torch
import torch.distributed as dist


def random_state() -> dict:
    """The state of the generators of this process."""
    state = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state()
    return state


def save(path: Path, parts: dict, progress: dict) -> None:
    """Writes the state of every part, of the progress, and of all processes' generators. All processes call it.

    The file is written beside its place and then moved there, so that it is whole whenever a process is killed.
    """
    states = [None] * dist.get_world_size()
    dist.all_gather_object(states, random_state())
    if dist.get_rank() == 0:
        content = {name: part.state_dict() for name, part in parts.items()}
        beside = path.with_name(f"{path.name}.{os.getpid()}")
        with open(beside, "wb") as file:
            torch.save({**content, "progress": progress, "random": states}, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    dist.barrier()


def load(path: Path, parts: dict) -> dict | None:
    """Restores every part and this process's generators; returns the progress, or `None` without a checkpoint."""
    if not path.exists():
        return None
    content = torch.load(path, map_location="cpu", weights_only=True)
    if len(content["random"]) != dist.get_world_size():
        raise SystemExit(f"{path} is of {len(content['random'])} processes: go on with as many, or remove it")
    for name, part in parts.items():
        part.load_state_dict(content[name])
    state = content["random"][dist.get_rank()]
    torch.set_rng_state(state["cpu"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])
    return content["progress"]
