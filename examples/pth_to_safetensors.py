"""Converts a PyTorch checkpoint (.pth, .pt, .bin) to safetensors, which is what pnetc reads.

    python examples/pth_to_safetensors.py checkpoint.pth weights.safetensors
    python examples/pth_to_safetensors.py checkpoint.pth weights.safetensors --key model

Needs `pip install torch safetensors`. Only tensors are loaded (`weights_only=True`), so that a file from elsewhere runs no code.
Training scripts put the tensors into a dictionary beside the optimiser and the epoch: what is under `model_ema`, `state_dict_ema`,
`state_dict` or `model` is taken, in this order (averaged weights are what is evaluated), unless --key names another. What is no
tensor is left out. Names are kept: `pnetc weights convert` renames.
"""

import argparse
import sys

import torch
from safetensors.torch import save_file

KEYS = ["model_ema", "state_dict_ema", "state_dict", "model"]


def tensors_of(checkpoint, key=None):
    """The dictionary of tensors in a checkpoint, and the key it was found under."""
    if key is not None:
        if not isinstance(checkpoint, dict) or key not in checkpoint:
            known = ", ".join(map(str, checkpoint)) if isinstance(checkpoint, dict) else "none"
            sys.exit(f"error: the checkpoint has no key {key!r}; its keys: {known}")
        checkpoint = checkpoint[key]
    else:
        # A checkpoint may hold both `model` and, within it, `state_dict`.
        while isinstance(checkpoint, dict):
            found = next((name for name in KEYS if isinstance(checkpoint.get(name), dict)), None)
            if found is None:
                break
            checkpoint, key = checkpoint[found], found
    if not isinstance(checkpoint, dict):
        sys.exit(f"error: found a {type(checkpoint).__name__} where a dictionary of tensors was expected")
    return {name: value for name, value in checkpoint.items() if isinstance(value, torch.Tensor)}, key


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint")
    parser.add_argument("output")
    parser.add_argument("--key", help="where the tensors are, in a checkpoint of training")
    options = parser.parse_args(arguments)
    checkpoint = torch.load(options.checkpoint, map_location="cpu", weights_only=True)
    tensors, key = tensors_of(checkpoint, options.key)
    if not tensors:
        sys.exit("error: there are no tensors in the checkpoint; name the key that holds them with --key")
    # safetensors takes dense tensors that share no memory.
    save_file({name: tensor.detach().contiguous().clone() for name, tensor in tensors.items()}, options.output)
    print(f"{options.output}: {len(tensors)} tensors" + (f" of `{key}`" if key else ""))


if __name__ == "__main__":
    main()
