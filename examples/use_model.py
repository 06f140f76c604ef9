#!/usr/bin/env python3
"""Uses a model that `engine export` wrote, and compares it with the engine. Needs numpy and torch, and nothing else.

    engine export RUN                                             writes model.pt and model.safetensors
    engine predict RUN *.png --precision float32 --no-tta --inputs inputs.npy --logits logits.npy
    python3 examples/use_model.py model.pt model.safetensors inputs.npy logits.npy

Three ways to the same logits: the TorchScript module as it is; the module with the weights of the safetensors file; and
the layers of torch.nn, built from what the file says of itself, with those weights.
"""

import json
import struct
import sys

import numpy as np
import torch
from torch import nn


def main(script, weights, inputs, logits=None):
    extra = {"model.json": ""}
    model = torch.jit.load(script, _extra_files=extra)
    about = json.loads(extra["model.json"])
    print(f"{about['graph']}, step {about['step']}: float32 [n, {', '.join(map(str, about['input']['shape']))}]")
    x = torch.from_numpy(np.load(inputs))
    if x.dtype == torch.uint8:
        # Images as they are, [n, height, width, channels]: what the graph does to them, in torch.
        mean, std = (torch.tensor(about["input"][key] or default) for key, default in [("mean", [0.0]), ("std", [1.0])])
        x = (x.permute(0, 3, 1, 2) - mean[:, None, None]) / std[:, None, None]
    with torch.no_grad():
        found = {"TorchScript": model(x)}
        state = read_safetensors(weights)
        model.load_state_dict(state)
        found["safetensors in it"] = model(x)
        if about["layers"]:
            own = sequential(about["layers"], about["input"]["shape"])
            own.load_state_dict(state)
            found["torch.nn"] = own.eval()(x)
    for row in found["TorchScript"].softmax(1)[:10] if about["output"] == "logits" else []:
        share, best = row.max(0)
        print(f"  {share:.2%} {about['classes'][best] if about['classes'] else int(best)}")
    reference = torch.from_numpy(np.load(logits)) if logits else found["TorchScript"]
    worst = 0.0
    for name, values in found.items():
        difference = (values - reference).abs().max().item()
        worst = max(worst, difference)
        print(f"{name}: {tuple(values.shape)}, differs from {'the engine' if logits else 'the first'} by {difference:.2e}")
    # Sums in another order.
    sys.exit(worst > 1e-3 * max(1.0, reference.abs().max().item()))


def read_safetensors(path):
    """A safetensors file: a length, that much JSON, and the bytes that it points into."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = bytearray(file.read())
    dtypes = {"F32": torch.float32, "F64": torch.float64, "I64": torch.int64, "BF16": torch.bfloat16, "F16": torch.float16}
    tensors = {}
    for name, of in header.items():
        if name != "__metadata__":
            start, end = of["data_offsets"]
            flat = torch.frombuffer(data[start:end], dtype=dtypes[of["dtype"]]) if end > start else torch.zeros(0)
            tensors[name] = flat.reshape(of["shape"])
    return tensors


class Residual(nn.Sequential):
    """shortcut(x) + layers(x)."""

    def __init__(self, layers, shortcut):
        super().__init__(*layers)
        self.count = len(layers)
        if len(shortcut):
            self.shortcut = shortcut

    def forward(self, x):
        y = x
        for layer in list(self)[: self.count]:
            y = layer(y)
        return (self.shortcut(x) if hasattr(self, "shortcut") else x) + y


class Standardize(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("std", torch.ones(features))

    def forward(self, x):
        shape = [1, -1] + [1] * (x.dim() - 2)
        return (x - self.mean.reshape(shape)) / self.std.reshape(shape)


class Scale(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return x * self.factor


def sequential(layers, shape):
    """The layers of a graph as torch.nn's. `shape`: of what arrives, without the batch."""
    built = nn.Sequential()
    for layer in layers:
        c = shape[0]
        own = {
            "conv2d": lambda: nn.Conv2d(c, layer["out_channels"], layer["kernel_size"], layer["stride"], layer["padding"],
                                        groups=layer["groups"], bias=layer["bias"]),
            "whitening_conv2d": lambda: nn.Conv2d(c, 2 * c * layer["kernel_size"] ** 2, layer["kernel_size"], bias=layer["bias"]),
            "standardize": lambda: Standardize(c),
            "batch_norm2d": lambda: nn.BatchNorm2d(c, eps=layer["eps"], momentum=layer["momentum"]),
            "group_norm": lambda: nn.GroupNorm(layer["groups"], c, eps=layer["eps"]),
            "layer_norm": lambda: nn.LayerNorm(shape, eps=layer["eps"]),
            "relu": nn.ReLU,
            "leaky_relu": lambda: nn.LeakyReLU(layer["slope"]),
            "gelu": lambda: nn.GELU(layer["approximate"]),
            "silu": nn.SiLU,
            "tanh": nn.Tanh,
            "sigmoid": nn.Sigmoid,
            "max_pool2d": lambda: nn.MaxPool2d(layer["kernel_size"], layer["stride"], layer["padding"]),
            "avg_pool2d": lambda: nn.AvgPool2d(layer["kernel_size"], layer["stride"], layer["padding"]),
            "adaptive_max_pool2d": lambda: nn.AdaptiveMaxPool2d(layer["output_size"]),
            "adaptive_avg_pool2d": lambda: nn.AdaptiveAvgPool2d(layer["output_size"]),
            "flatten": nn.Flatten,
            "linear": lambda: nn.Linear(c, layer["out_features"], bias=layer["bias"]),
            "scale": lambda: Scale(layer["factor"]),
            "dropout": lambda: nn.Dropout(layer["prob"]),
            "residual": lambda: Residual(sequential(layer["layers"], shape), sequential(layer["shortcut"], shape)),
            "sequential": lambda: sequential(layer["layers"], shape),
        }[layer["layer"]]()
        built.append(own)
        with torch.no_grad():
            shape = list(own.eval()(torch.zeros(1, *shape)).shape[1:])
    return built


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    main(*sys.argv[1:])
