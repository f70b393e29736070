"""The photograph: its pixels, its fixed input, its noise, and what does not fit."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_sample_image

import langevin_sgd as lsgd
from langevin_sgd.training.data.loading import load
from langevin_sgd.training.data.sample_image import SampleImageData


def test_pixels_are_means_of_squares_in_the_middle():
    data = load(SampleImageData(name="sample_image", photograph="china", side=4, square=10), 1)
    colours = load_sample_image("china.jpg")
    pixels = data.train_labels.reshape(4, 4)
    top, left = (427 - 40) // 2, (640 - 40) // 2
    square = colours[top + 10 : top + 20, left + 30 : left + 40]
    assert pixels[1, 3] == pytest.approx(square.astype(float).mean() / 255, rel=1e-12)


def test_noise_is_on_the_target_alone_and_the_input_is_that_of_the_seed():
    section = SampleImageData(name="sample_image", noise=0.1)
    one, other, clean = load(section, 1), load(section, 2), load(SampleImageData(name="sample_image"), 1)
    np.testing.assert_array_equal(one.test_labels, clean.train_labels)
    np.testing.assert_array_equal(one.test_inputs, one.train_inputs)
    np.testing.assert_array_equal(one.train_inputs, clean.train_inputs)
    assert not np.array_equal(one.train_inputs, other.train_inputs)
    noise = one.train_labels - one.test_labels
    assert noise.std() == pytest.approx(0.1, abs=4 * 0.1 / np.sqrt(2 * noise.size))
    assert one.train_inputs.shape == (1, 512)
    assert (clean.train_labels >= 0).all()
    assert (clean.train_labels <= 1).all()


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"square": 20}, "square: 32 pixels of 20 are more than the 427 there are; give at most 13"),
        ({"test_fraction": 0.5}, "test_fraction: the test set is the clean image; remove it"),
        ({"folder": "x"}, "sample_image comes with scikit-learn and reads no folder; remove it"),
    ],
)
def test_keys_that_do_not_fit(keys, told):
    model = {
        "kind": "network", "data": {"name": "sample_image", **keys}, "loss": "mse", "replicas": 1, "steps": 2,
        "architecture": {"kind": "image_generator"},
    }  # fmt: skip
    config = {"name": "one", "seed": 1, "sgd": {"learning_rate": 0.1, "batch_size": 1}, "models": {"network": model}}
    with pytest.raises(lsgd.ConfigError, match=told):
        lsgd.parse(config)
