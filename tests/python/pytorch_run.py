"""Runs exported networks: outputs, the names of weights, and what training needs.

The argument is a JSON list of jobs. Prints `ok NAME` or `failed NAME` with the reason for each.
"""

import copy
import importlib.util
import json
import sys
import traceback

import torch
from safetensors.torch import load_file
from torch import nn


def load(path):
    """The exported file as a module."""
    spec = importlib.util.spec_from_file_location("network", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def part(tensors, kind):
    """The tensors of a kind by name, in the order of the file."""
    prefix = kind + ":"
    return {name[len(prefix) :]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def check_state(network, weights, trainable):
    """The network has exactly these weights, and those that train are parameters."""
    state = {n: t for n, t in network.state_dict().items() if not n.endswith("num_batches_tracked")}
    if set(state) != set(weights):
        missing, other = sorted(set(weights) - set(state)), sorted(set(state) - set(weights))
        raise AssertionError(f"state_dict lacks {missing} and has {other}")
    for name, tensor in weights.items():
        if state[name].shape != tensor.shape:
            raise AssertionError(f"{name}: {tuple(state[name].shape)} instead of {tuple(tensor.shape)}")
    parameters = {name for name, _ in network.named_parameters()}
    if parameters != set(trainable):
        raise AssertionError(f"parameters differ: {sorted(parameters ^ set(trainable))}")


def compare(found, expected, tolerance):
    """The outputs agree, as shares of the largest."""
    if torch.is_tensor(found):
        found = {next(iter(expected)): found}
    if set(found) != set(expected):
        raise AssertionError(f"outputs {sorted(found)} instead of {sorted(expected)}")
    for name, values in expected.items():
        if found[name].shape != values.shape:
            raise AssertionError(f"{name}: {tuple(found[name].shape)} instead of {tuple(values.shape)}")
        largest = values.abs().max().clamp(min=1e-2) if values.numel() else 1
        error = ((found[name] - values).abs().max() / largest).item() if values.numel() else 0
        if not error < tolerance:
            raise AssertionError(f"{name}: relative error {error:.1e}")


def check_training(network, inputs):
    """A step of training moves the statistics and reaches every parameter that bears on the outputs."""
    network.train()
    if any(not module.training for module in network.modules()):
        raise AssertionError("train() does not reach every module")
    norms = [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    before = [norm.running_mean.clone() for norm in norms]
    outputs = network(*[torch.cat([x, x + 0.5 * torch.randn_like(x)]) for x in inputs])
    outputs = [outputs] if torch.is_tensor(outputs) else list(outputs.values())
    sum((output * torch.randn_like(output)).sum() for output in outputs).backward()
    for name, parameter in network.named_parameters():
        if parameter.grad is None:
            raise AssertionError(f"{name} has no gradient")
    if norms and not any((norm.running_mean != old).any() for norm, old in zip(norms, before)):
        raise AssertionError("no running mean has moved")
    drops = [m for m in network.modules() if isinstance(m, nn.Dropout) and 0 < m.p < 1]
    ones = torch.ones(4096)
    for drop in drops:
        if (drop(ones) == 1).all():
            raise AssertionError("dropout does nothing in training")
    network.eval()
    for drop in drops:
        if (drop(ones) != 1).any():
            raise AssertionError("dropout is active in evaluation")


def check_devices(network, inputs):
    """Every tensor follows the network to another device; that of shapes without elements costs nothing."""
    network = copy.deepcopy(network).to("meta")
    outputs = network(*[x.to("meta") for x in inputs])
    for output in [outputs] if torch.is_tensor(outputs) else outputs.values():
        if output.device.type != "meta":
            raise AssertionError("an output is not where the network is")


def run(job):
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64 if job["double"] else torch.float32)
    module = load(job["source"])
    network = eval(f"n.{job['network']}({job['arguments']})", {"n": module})
    tensors = {name: tensor.to(torch.get_default_dtype()) for name, tensor in load_file(job["data"]).items()}
    weights = part(tensors, "weight")
    if not network.training:
        raise AssertionError("a new network is not in training")
    check_state(network, weights, job["trainable"])
    network.load_state_dict(weights)
    network.eval()
    inputs = part(tensors, "input")
    inputs = [inputs[name] for name in job["inputs"]]
    with torch.no_grad():
        compare(network(*inputs), part(tensors, "output"), job["tolerance"])
        if sum(weight.numel() for weight in weights.values()) < 1_000_000:
            check_devices(network, inputs)
    if job["trains"]:
        check_training(network, inputs)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        jobs = json.load(file)
    torch.set_num_threads(1)
    for job in jobs:
        try:
            run(job)
            print(f"ok {job['name']}\n@@")
        except Exception:
            print(f"failed {job['name']}\n{job['source']}\n{traceback.format_exc()}\n@@")


main()
