"""Exports networks of timm to ONNX with both of PyTorch's exporters, and runs them in ONNX Runtime.

    python timm_exports.py FOLDER

writes NAME.onnx, NAME.input and NAME.output (little-endian f32) for each of MODELS. Weights are random, and so are the statistics of
batch norms, which are else those of no training.
"""

import sys
import warnings
from pathlib import Path

import numpy
import onnxruntime
import timm
import torch
from timm.layers import CondConv2d
from torch import nn


class DynamicConv(nn.Module):
    """Dynamic convolution as in the published code of ParameterNet: one linear layer routes, and the experts are mixed."""

    def __init__(self, conv, experts):
        super().__init__()
        self.routing = nn.Linear(conv.in_channels, experts)
        self.cond_conv = CondConv2d(
            conv.in_channels,
            conv.out_channels,
            conv.kernel_size,
            conv.stride,
            conv.padding[0],
            conv.dilation,
            conv.groups,
            num_experts=experts,
        )

    def forward(self, x):
        pooled = nn.functional.adaptive_avg_pool2d(x, 1).flatten(1)
        return self.cond_conv(x, torch.sigmoid(self.routing(pooled)))


def parameternet():
    """GhostNet with dynamic convolutions in place of all but those that shrink the image, and with hard-swish."""
    model = timm.create_model("ghostnet_100")
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.ReLU):
                setattr(module, name, nn.Hardswish())
            elif isinstance(child, nn.Conv2d) and child.bias is None and name != "conv_dw":
                setattr(module, name, DynamicConv(child, 4))
    return model


def randomised(model):
    """Statistics and scales as training could leave them."""
    generator = torch.Generator().manual_seed(1)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor, low, high in [
                (module.weight.data, 0.75, 1.25),
                (module.bias.data, -0.1, 0.1),
                (module.running_mean, -0.1, 0.1),
                (module.running_var, 0.5, 1.5),
            ]:
                tensor.copy_(low + (high - low) * torch.rand(tensor.shape, generator=generator))
    return model.eval()


# Name, network, images, whether by the newer exporter.
MODELS = [
    ("mobilenetv2", lambda: timm.create_model("mobilenetv2_100"), (2, 3, 224, 224), False),
    ("resnet50", lambda: timm.create_model("resnet50"), (2, 3, 224, 224), False),
    # Samples are groups of a convolution here, whose number is written into the model.
    ("parameternet", parameternet, (1, 3, 224, 224), False),
    ("vit", lambda: timm.create_model("vit_tiny_patch16_224", depth=2, img_size=64), (2, 3, 64, 64), True),
]


def main(folder):
    torch.manual_seed(0)
    warnings.simplefilter("ignore")
    for name, make, shape, newer in MODELS:
        model = randomised(make())
        image = torch.rand(shape) * 2 - 1
        path = str(folder / f"{name}.onnx")
        names = {"input_names": ["image"], "output_names": ["logits"]}
        if newer:
            sizes = ({0: torch.export.Dim("batch")},)
            torch.onnx.export(model, (image,), path, dynamo=True, dynamic_shapes=sizes, verbose=False, **names)
        else:
            axes = {"image": {0: "batch"}, "logits": {0: "batch"}} if shape[0] > 1 else {}
            torch.onnx.export(model, (image,), path, dynamo=False, opset_version=17, dynamic_axes=axes, **names)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        (logits,) = session.run(None, {"image": image.numpy()})
        image.numpy().astype("<f4").tofile(folder / f"{name}.input")
        numpy.ascontiguousarray(logits, "<f4").tofile(folder / f"{name}.output")


main(Path(sys.argv[1]))
