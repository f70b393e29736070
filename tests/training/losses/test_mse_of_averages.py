"""An image that is right after averaging: the loss against averages by hand, and through training."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import langevin_sgd as lsgd
from langevin_sgd.errors import UserError
from langevin_sgd.training.data.loading import load
from langevin_sgd.training.data.sample_image import SampleImageData
from langevin_sgd.training.losses.loss import Loss
from langevin_sgd.training.losses.mse_of_averages.config import SquaredErrorOfAveragesLoss
from langevin_sgd.training.losses.mse_of_averages.functions import SquaredErrorOfAverages


def drawn(*shape: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).normal(size=shape))


def made(square: int) -> SquaredErrorOfAverages:
    return SquaredErrorOfAverages(SquaredErrorOfAveragesLoss(kind="mse_of_averages", square=square))


def test_it_is_the_squared_error_of_the_averages_of_pixels_that_lie_together():
    image, target = drawn(1, 16), drawn(1, 4)
    rows = image.reshape(4, 4).tolist()
    expected = 0.0
    for i in range(2):
        for j in range(2):
            pixels = [rows[2 * i + a][2 * j + b] for a in range(2) for b in range(2)]
            expected += 0.5 * (sum(pixels) / 4 - float(target[0, 2 * i + j])) ** 2
    assert made(2).values(image, target).tolist() == pytest.approx([expected], rel=1e-13)


@pytest.mark.parametrize(("square", "coarse"), [(2, 3), (3, 2)])
def test_its_gradient_is_that_of_its_values(square: int, coarse: int):
    loss, targets = made(square), drawn(5, coarse**2)
    image = drawn(5, loss.outputs(coarse**2))
    assert image.shape[1] == (square * coarse) ** 2
    torch.testing.assert_close(loss.gradient(image, targets), Loss.gradient(loss, image, targets), rtol=1e-12, atol=0)
    torch.testing.assert_close(loss.gradient(image, 0 * image), image)  # a whole target
    torch.testing.assert_close(loss.values(image, 0 * image), 0.5 * (image**2).sum(1))


def test_a_target_that_is_no_square_is_refused():
    with pytest.raises(UserError, match="takes square images as targets, and these are 6 numbers; give mse"):
        made(2).outputs(6)


def test_the_coarse_image_is_the_average_of_the_whole_one():
    data = load(SampleImageData(name="sample_image", side=8, coarse=2), 1)
    whole = data.test_labels.reshape(4, 2, 4, 2)
    np.testing.assert_allclose(data.train_labels.reshape(4, 4), whole.mean((1, 3)), rtol=1e-14)


def study(loss: object, **data: object) -> dict:
    network = {
        "kind": "network", "data": {"name": "sample_image", "side": 8, "input_side": 4, "input_channels": 2, **data},
        "architecture": {"kind": "image_generator", "channels": [4]}, "loss": loss, "update_rule": "adam",
        "replicas": 2, "steps": 400, "start": "independent", "record_times": 6,
    }  # fmt: skip
    sgd = {"learning_rate": 0.02, "batch_size": 1}
    return {"name": "one", "seed": 1, "sgd": sgd, "models": {"network": network}}


def test_training_fits_the_averages_and_is_tested_on_the_whole_image():
    found = lsgd.simulate(study({"kind": "mse_of_averages"}, coarse=2))["network"]
    assert (found.train_loss[:, -1] < 0.05 * found.train_loss[:, 0]).all()
    # of 64 pixels each square has four, whose errors about their average the training does not see
    assert (found.test_loss[:, -1] > 4 * found.train_loss[:, -1]).all()
    assert (found.test_loss[:, -1] < found.test_loss[:, 0]).all()


@pytest.mark.parametrize(
    ("loss", "data", "told"),
    [
        (
            "mse",
            {"coarse": 2, "input_side": 2},
            "test set are 64 numbers, those of training 16, and loss mse asks for 16",
        ),
        (
            {"kind": "mse_of_averages", "square": 4},
            {"coarse": 2, "input_side": 8},
            "and loss mse_of_averages asks for 256",
        ),
    ],
)
def test_a_loss_that_does_not_fit_the_whole_image_is_refused(loss: object, data: dict, told: str):
    with pytest.raises(lsgd.ConfigError, match=told):
        lsgd.simulate(study(loss, **data))


def test_squares_must_fill_the_image():
    with pytest.raises(lsgd.ConfigError, match="coarse: squares of 3 do not fill 8 pixels; give a divisor of side"):
        lsgd.parse(study({"kind": "mse_of_averages", "square": 3}, coarse=3))
