"""Dynamic convolution."""

import torch
import torch.nn.functional as F
from torch import nn


class Experts(nn.Module):
    """The filters of all experts, each drawn as those of a convolution of its own."""

    def __init__(self, experts, channels, out, kernel, groups, bias):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(experts, out, channels // groups, *kernel))
        initialise(self.weight, out, groups)
        self.bias = nn.Parameter(torch.zeros(experts, out)) if bias else None


class MlpRouting(nn.Module):
    """Coefficients from two linear layers over the pooled image: the form of the paper."""

    def __init__(self, channels, experts, hidden, activation, gate):
        super().__init__()
        self.fc1 = nn.Linear(channels, hidden, bias=False)
        self.fc2 = nn.Linear(hidden, experts, bias=False)
        self.activation = activation
        self.gate = gate

    def forward(self, x):
        return self.gate(self.fc2(self.activation(self.fc1(x.mean([2, 3])))))


class LinearRouting(nn.Linear):
    """Coefficients from one linear layer over the pooled image: the form of the published code."""

    def __init__(self, channels, experts, gate):
        super().__init__(channels, experts)
        self.gate = gate

    def forward(self, x):
        return self.gate(super().forward(x.mean([2, 3])))


class DynamicConv(Experts):
    """Convolution with filters mixed from experts, anew for each image (Han et al., CVPR 2024)."""

    def __init__(self, channels, out, kernel, stride, padding, dilation, groups, bias, experts, routing):
        own = not isinstance(routing, LinearRouting)
        nn.Module.__init__(self)
        if own:
            super().__init__(experts, channels, out, kernel, groups, bias)
        else:
            self.cond_conv = Experts(experts, channels, out, kernel, groups, bias)
        self.routing = routing
        self.kernel, self.stride, self.dilation, self.groups = kernel, stride, dilation, groups
        sides = symmetric(padding)
        self.padding = sides or 0
        self.border = None if sides else padding

    def forward(self, x, routing=None):
        coefficients = self.routing(x) if routing is None else routing
        experts = self if "cond_conv" not in self._modules else self.cond_conv
        if self.border is not None:
            x = F.pad(x, border(self.border, x, self.kernel, self.stride, self.dilation))
        images, channels, height, width = x.shape
        # The images become groups of one convolution, each with its own mixture.
        weight = torch.einsum("nm,moikl->noikl", coefficients, experts.weight)
        bias = None if experts.bias is None else torch.matmul(coefficients, experts.bias).flatten()
        y = F.conv2d(
            x.reshape(1, images * channels, height, width),
            weight.flatten(0, 1),
            bias,
            self.stride,
            self.padding,
            self.dilation,
            images * self.groups,
        )
        return y.reshape(images, -1, y.shape[2], y.shape[3])


@makes_layer
def dynamic_conv(x, out, kernel=1, stride=1, padding=None, dilation=1, groups=1, bias=False, experts=4, routing=None):
    """A dynamic convolution for images such as `x`; `routing` may be a tensor of coefficients."""
    channels, out, groups, experts = x.shape[1], int(out), int(groups), int(experts)
    kernel, stride, dilation = pair(kernel), pair(stride), pair(dilation)
    settings = routing.keywords if isinstance(routing, partial) else {}
    form = routing.func if isinstance(routing, partial) else routing
    if torch.is_tensor(routing):
        routing = None
    elif form is linear:
        routing = LinearRouting(channels, experts, settings.get("gate", torch.sigmoid))
    else:
        hidden = int(settings.get("hidden", channels))
        activation, gate = settings.get("activation", F.relu), settings.get("gate", softmax)
        routing = MlpRouting(channels, experts, hidden, activation, gate)
    padding = around(padding, kernel, dilation)
    return DynamicConv(channels, out, kernel, stride, padding, dilation, groups, bias, experts, routing)


def mlp(hidden, activation=F.relu, gate=None):
    """Stands for the form of routing; see `dynamic_conv`."""
