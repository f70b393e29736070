"""The generator of images: its layers by hand, its sizes, and what does not fit."""

from __future__ import annotations

import pytest
import torch

import langevin_sgd as lsgd
from langevin_sgd.errors import UserError
from langevin_sgd.training.architectures.image_generator import ImageGenerator
from langevin_sgd.training.initial import build_with_seed


@pytest.mark.parametrize("channels", [(5,), (4, 3)])
def test_it_is_doublings_and_convolutions(channels):
    section = ImageGenerator(kind="image_generator", channels=channels)
    side = 3 * 2 ** len(channels)
    module = build_with_seed(lambda: section.build((2, 3, 3), side**2), 1, 0)
    parameters = list(module.parameters())
    assert section.parameters((2, 3, 3), side**2) == sum(p.numel() for p in parameters)
    z = torch.randn(4, 2, 3, 3)
    x = z
    for weight, bias in zip(parameters[:-2:2], parameters[1:-2:2], strict=True):
        x = torch.nn.functional.interpolate(x, scale_factor=2, mode="nearest")
        x = torch.relu(torch.nn.functional.conv2d(x, weight, bias, padding=1))
    x = torch.nn.functional.conv2d(x, parameters[-2], parameters[-1], padding=1)
    torch.testing.assert_close(module(z), x.reshape(4, -1))


def test_pixels_must_be_those_of_the_image():
    section = ImageGenerator(kind="image_generator", channels=(5,))
    with pytest.raises(UserError, match="1 doublings make 6 x 6 pixels, and 64 outputs are asked for"):
        section.build((2, 3, 3), 64)


def test_an_even_kernel_does_not_keep_the_size():
    model = {"kind": "network", "data": {"name": "sample_image"}, "loss": "mse", "replicas": 1, "steps": 2}
    config = {"name": "one", "seed": 1, "sgd": {"learning_rate": 0.1, "batch_size": 1}}
    architecture = {"kind": "image_generator", "kernel": 4}
    with pytest.raises(lsgd.ConfigError, match="kernel: must be odd, got 4"):
        lsgd.parse({**config, "models": {"network": {**model, "architecture": architecture}}})
