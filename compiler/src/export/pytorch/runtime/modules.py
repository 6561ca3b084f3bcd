"""Modules whose layers have dotted names, as in the language."""

import torch
from torch import nn


class Group(nn.Module):
    """Layers by name or number: `blocks[0].conv1`."""

    def __getitem__(self, index):
        return self._modules[str(index)]

    def __len__(self):
        return len(self._modules)


def set_attribute(module, name, value):
    """Sets an attribute of a module that may have a layer called `training`."""
    if name == "training":
        module.__dict__[name] = value
    else:
        nn.Module.__setattr__(module, name, value)


class Module(Group):
    """A module whose layers have dotted paths, such as `blocks.0.conv1`."""

    def __init__(self):
        super().__init__()
        self.inlined = []

    def add(self, path, child):
        """Registers a layer or parameter under a path below this module."""
        *groups, name = path.split(".")
        parent = self
        for group in groups:
            parent = parent._modules.setdefault(group, Group())
        if isinstance(child, nn.Parameter):
            parent._parameters[name] = child
            return
        earlier = parent._modules.get(name)
        if earlier is not None:
            merge(child, earlier)
        parent._modules[name] = child

    def find(self, path):
        """The layer or parameter that was added under a path, whatever it is called."""
        *groups, name = path.split(".")
        parent = self
        for group in groups:
            parent = parent._modules[group]
        return parent._modules[name] if name in parent._modules else parent._parameters[name]

    def keep(self, name, value):
        """Remembers a value that is computed once; tensors follow the module to its device."""
        if torch.is_tensor(value):
            self.register_buffer(name, value, persistent=False)
        else:
            setattr(self, name, value)

    def adopt(self, child):
        """Takes a module in whose layers are named as if they were this module's own."""
        merge(self, child)
        self.inlined.append(child)
        return Inline(child)

    def train(self, mode=True):
        super().train(mode)
        for child in self.inlined:
            child.train(mode)
        return self

    def _apply(self, fn, recurse=True):
        super()._apply(fn, recurse)
        for child in self.inlined:
            child._apply(fn, recurse)
        return self


class Inline:
    """A module that is called, but not registered."""

    def __init__(self, module):
        self.module = module

    def __call__(self, *args, **kwargs):
        return self.module(*args, **kwargs)


def merge(parent, child):
    """Registers the layers and parameters of `child` as those of `parent`."""
    parent._parameters.update(child._parameters)
    for name, part in child._modules.items():
        earlier = parent._modules.get(name)
        if earlier is None:
            parent._modules[name] = part
        elif type(earlier) is Group and type(part) is Group:
            merge(earlier, part)


class Kept(nn.Module):
    """A value that is computed once."""

    def __init__(self, value):
        super().__init__()
        if torch.is_tensor(value):
            self.register_buffer("value", value, persistent=False)
        else:
            self.value = value


class Function(nn.Module):
    """A function where a layer is called for."""

    def __init__(self, function, args, kwargs):
        super().__init__()
        self.function = function
        # What are tensors comes with each call.
        self.args = [None if holds_tensor(arg) else arg for arg in args]
        self.passed = [holds_tensor(arg) for arg in args]
        self.kwargs = {name: value for name, value in kwargs.items() if not holds_tensor(value)}

    def forward(self, *tensors, **settings):
        tensors = iter([tensor for tensor in tensors if holds_tensor(tensor)])
        args = [next(tensors) if passed else arg for arg, passed in zip(self.args, self.passed)]
        return self.function(*args, **{**self.kwargs, **settings})


def run(layer_, x, *args, **kwargs):
    """Calls a layer that may take more than its input."""
    if isinstance(layer_, (Module, Function)):
        return layer_(x, *args, **kwargs)
    return layer_(x, **{name: value for name, value in kwargs.items() if holds_tensor(value)})


def layer(maker, *args, **kwargs):
    """The layer that a class or function makes; a function that makes none becomes a layer itself."""
    function = maker.func if isinstance(maker, partial) else maker
    if isinstance(function, type) or getattr(function, "makes_layer", False):
        return maker(*args, **kwargs)
    return Function(maker, args, kwargs)


def settled(function, **settings):
    """Calls a function that lacks no argument; any other waits for its input."""
    try:
        inspect.signature(function).bind(**settings)
    except TypeError:
        return partial(function, **settings)
    return function(**settings)


def makes_layer(function):
    """Marks a function that makes a layer for an example of its input."""
    function.makes_layer = True
    return function


def holds_tensor(value):
    """Whether a value is a tensor, or a list or a callable with one."""
    if isinstance(value, (list, tuple)):
        return any(holds_tensor(element) for element in value)
    if isinstance(value, partial):
        return any(holds_tensor(setting) for setting in value.keywords.values())
    return torch.is_tensor(value)


def given(maker):
    """The tensors among the settings of something that makes layers."""
    settings = maker.keywords if isinstance(maker, partial) else {}
    return {name: value for name, value in settings.items() if holds_tensor(value)}


def known(value):
    """A value that is known when the module is made; `None` for tensors, which are passed with each call."""
    return None if holds_tensor(value) else value


def parameter(shape):
    """A learned tensor that belongs to no layer, drawn as the position tables of transformers are."""
    return nn.Parameter(nn.init.trunc_normal_(torch.empty([int(size) for size in shape]), std=0.02))
