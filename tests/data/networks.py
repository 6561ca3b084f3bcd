"""Writes networks/*.json: what timm's implementations of networks compute that have no file in `../shared/golden`.

    python3 -m venv venv && venv/bin/pip install timm==1.0.31 fvcore==0.1.5.post20221221
    venv/bin/python tests/data/networks.py

`networks/NAME.json` has the form of those files without `stages`: what fvcore counts, the names and shapes of all tensors, and the
logits in float64 for weights and an image drawn from names by the generator in runtime/src/synth.rs, scaled by role as
`Role::initial` does with `gain`.

`networks/variants.json` says of other sizes of the networks how many parameters they have, and has a digest of the names and
shapes of their tensors: the hash of `synth::name_hash` over lines `NAME [SHAPE]`, sorted by name.
"""

import json
import math
import warnings
from pathlib import Path

import timm
import torch
from fvcore.nn import FlopCountAnalysis
from operations import draw, numpy

FOLDER = Path(__file__).parent / "networks"

# Names in timm, and the gain that keeps activations of a middling size.
NETWORKS = {"mobilenetv1_100": 6, "mobilenetv3_small_100": 6, "resnet18": 3}

VARIANTS = [
    "mobilenetv1_125",
    "mobilenetv2_140",
    "mobilenetv3_large_075",
    "mobilenetv3_small_075",
    "ghostnet_130",
    "efficientnet_b1",
    "efficientnet_b2",
    "tf_efficientnet_cc_b0_8e",
    "resnet34",
    "resnet101",
    "repvgg_b0",
    "vit_tiny_patch16_224",
    "deit_small_patch16_224",
    "deit_base_patch16_224",
    "swin_small_patch4_window7_224",
]


def values(name, shape, gain):
    """The values of a tensor by its role, which its name and rank tell."""
    u = draw(name, shape)
    f = numpy.float32
    if name.endswith("running_var"):
        return f(1) + f(0.5) * u
    if name.endswith("weight") and len(shape) == 1:
        return f(1) + f(0.25) * u
    if name.endswith("weight"):
        return u * f(math.sqrt(gain / math.prod(shape[1:])))
    return f(0.1) * u


def tensors(model):
    return {name: tensor for name, tensor in model.state_dict().items() if not name.endswith("num_batches_tracked")}


def parameters(model):
    return sum(parameter.numel() for parameter in model.parameters())


def network(name, gain):
    model = timm.create_model(name, pretrained=False).eval().double()
    drawn = {key: torch.from_numpy(values(key, tuple(tensor.shape), gain)) for key, tensor in tensors(model).items()}
    model.load_state_dict(drawn, strict=False)
    shape = (1, 3, 224, 224)
    image = torch.from_numpy(draw("input", shape) * numpy.float32(2)).double()
    with torch.no_grad():
        logits = model(image)[0]
    counted = FlopCountAnalysis(model, image).unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    return {
        "model": name,
        "reference": f"timm {timm.__version__}",
        "input": list(shape),
        "gain": gain,
        "params": parameters(model),
        "macs_fvcore": int(counted.total()),
        "macs_by_operator": {operator: int(count) for operator, count in counted.by_operator().items() if count},
        "logits": [float(f"{value:.9g}") for value in logits.tolist()],
        "state_dict": {key: list(tensor.shape) for key, tensor in tensors(model).items()},
    }


def name_hash(text):
    seed = 0xCBF29CE484222325
    for byte in text.encode():
        seed = ((seed ^ byte) * 0x00000100000001B3) % 2**64
    return seed


def variant(name):
    with torch.device("meta"):
        model = timm.create_model(name, pretrained=False)
    lines = [f"{key} {list(tensor.shape)}\n" for key, tensor in sorted(tensors(model).items())]
    return {"params": parameters(model), "tensors": f"{name_hash(''.join(lines)):016x}"}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for name, gain in NETWORKS.items():
        (FOLDER / f"{name}.json").write_text(json.dumps(network(name, gain)) + "\n")
    lines = [f"  {json.dumps(name)}: {json.dumps(variant(name))}" for name in VARIANTS]
    (FOLDER / "variants.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
