"""Layers, made for an example of their input."""

import math

import torch
import torch.nn.functional as F
from torch import nn


class Conv2d(nn.Conv2d):
    """A convolution whose padding may differ from side to side."""

    def __init__(self, channels, out, kernel, stride, padding, dilation, groups, bias):
        sides = symmetric(padding)
        super().__init__(channels, out, kernel, stride, sides or 0, dilation, groups, bias)
        self.border = None if sides else padding
        initialise(self.weight, out, groups)
        if bias:
            nn.init.zeros_(self.bias)

    def forward(self, x):
        if self.border is not None:
            x = F.pad(x, border(self.border, x, self.kernel_size, self.stride, self.dilation))
        return super().forward(x)


@makes_layer
def conv(x, out, kernel=1, stride=1, padding=None, dilation=1, groups=1, bias=False):
    """A convolution for images such as `x`."""
    kernel, stride, dilation = pair(kernel), pair(stride), pair(dilation)
    padding = around(padding, kernel, dilation)
    return Conv2d(x.shape[1], int(out), kernel, stride, padding, dilation, int(groups), bias)


def initialise(weight, out, groups):
    """Draws the filters of a convolution by the outputs of each weight (He et al., ICCV 2015)."""
    fan_out = out * math.prod(weight.shape[-2:]) / groups
    nn.init.normal_(weight, std=math.sqrt(2 / fan_out))


@makes_layer
def linear(x, out, bias=True):
    """A fully connected layer over the last dimension of tensors such as `x`."""
    layer = nn.Linear(x.shape[-1], int(out), bias)
    # Layers over tokens are drawn as in transformers, others by the size of their input.
    std = 0.02 if x.ndim > 2 else layer.in_features**-0.5
    nn.init.trunc_normal_(layer.weight, std=std, a=-2 * std, b=2 * std)
    if bias:
        nn.init.zeros_(layer.bias)
    return layer


@makes_layer
def batch_norm(x, eps=1e-5, affine=True):
    """Batch normalisation of tensors such as `x`."""
    classes = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}
    # While the network is made it sees one example, whose statistics say nothing.
    return classes.get(x.ndim, FlatBatchNorm)(x.shape[1], eps=eps, affine=affine).eval()


class FlatBatchNorm(nn.BatchNorm1d):
    """Batch normalisation of tensors with many dimensions."""

    def forward(self, x):
        return super().forward(x.flatten(2)).reshape(x.shape)


class LayerNorm(nn.LayerNorm):
    """Layer normalisation along one dimension."""

    def __init__(self, size, dim, eps, affine):
        super().__init__(size, eps=eps, elementwise_affine=affine)
        self.dim = dim

    def forward(self, x):
        return super().forward(x.transpose(self.dim, -1)).transpose(self.dim, -1)


@makes_layer
def layer_norm(x, dim=-1, eps=1e-5, affine=True):
    """Layer normalisation of tensors such as `x`."""
    dim, size = int(dim), x.shape[int(dim)]
    if dim in (-1, x.ndim - 1):
        return nn.LayerNorm(size, eps=eps, elementwise_affine=affine)
    return LayerNorm(size, dim, eps, affine)


class GroupNorm(nn.GroupNorm):
    """Group normalisation, of groups of one element as well."""

    def forward(self, x):
        return torch.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)


@makes_layer
def group_norm(x, groups, eps=1e-5, affine=True):
    """Group normalisation of tensors such as `x`."""
    return GroupNorm(int(groups), x.shape[1], eps=eps, affine=affine)


@makes_layer
def prelu(x):
    """ReLU with a learned slope for each channel."""
    return nn.PReLU(x.shape[1])


@makes_layer
def dropout(x, p):
    """Zeroes random elements in training."""
    return nn.Dropout(p).eval()


class DropPath(nn.Module):
    """Zeroes random samples in training: stochastic depth (Huang et al., ECCV 2016)."""

    def __init__(self, p):
        super().__init__()
        self.p = p

    def forward(self, x):
        if not self.training or self.p == 0:
            return x
        kept = x.new_empty([x.shape[0]] + [1] * (x.ndim - 1)).bernoulli_(1 - self.p)
        return x * kept / (1 - self.p)

    def extra_repr(self):
        return f"p={self.p}"


@makes_layer
def drop_path(x, p):
    """Zeroes random samples in training."""
    return DropPath(p).eval()


def pair(size):
    """Rows and columns."""
    return (int(size[0]), int(size[1])) if isinstance(size, (list, tuple)) else (int(size), int(size))


def around(padding, kernel, dilation):
    """Top, bottom, left and right of a padding; `"same"` depends on the image."""
    if padding is None:
        rows, columns = [(k - 1) * d // 2 for k, d in zip(kernel, dilation)]
        return (rows, rows, columns, columns)
    if padding == "valid":
        return (0, 0, 0, 0)
    if padding == "same":
        return padding
    if isinstance(padding, (list, tuple)) and len(padding) == 4:
        return tuple(int(side) for side in padding)
    rows, columns = pair(padding)
    return (rows, rows, columns, columns)


def symmetric(padding):
    """Rows and columns of a padding that is the same on opposite sides."""
    if padding == "same":
        return None
    top, bottom, left, right = padding
    return (top, left) if top == bottom and left == right else None


def border(padding, x, kernel, stride, dilation):
    """A padding as `F.pad` takes it."""
    if padding != "same":
        top, bottom, left, right = padding
        return (left, right, top, bottom)
    sides = []
    for size, k, s, d in reversed(list(zip(x.shape[2:], kernel, stride, dilation))):
        total = max((math.ceil(size / s) - 1) * s + (k - 1) * d + 1 - size, 0)
        sides += [total // 2, total - total // 2]
    return sides
