"""configs/mnist.yaml runs on files in the format of MNIST, wherever they are."""

from pathlib import Path

import numpy as np

import langevin_sgd as lsgd
from langevin_sgd.study import loading as config

FILE = Path(__file__).parents[3] / "configs" / "mnist.yaml"


def idx(array: np.ndarray) -> bytes:
    header = bytes((0, 0, 8, array.ndim)) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    return header + array.astype(np.uint8).tobytes()


def test_it_runs_on_generated_files(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for part, samples in (("train", 60), ("t10k", 20)):
        labels = np.arange(samples) % 10
        images = rng.integers(0, 60, (samples, 28, 28)) + 150 * (np.arange(28) // 3 == labels[:, None])[:, None]
        (tmp_path / f"{part}-images-idx3-ubyte").write_bytes(idx(images))
        (tmp_path / f"{part}-labels-idx1-ubyte").write_bytes(idx(labels))
    keys = {
        "data.folder": tmp_path, "data.train_size": 50, "data.test_size": 10, "architecture.dense": [16],
        "replicas": 2, "steps": 12, "record_times": 3,
        "recording.samples": 40,
    }  # fmt: skip
    study = config.load(FILE, [f"models.network.{key}={value}" for key, value in keys.items()])
    found = lsgd.simulate(study)["network"]
    assert (found.train_loss.values[:, -1] < found.train_loss.values[:, 0]).all()
    assert np.isfinite(found.test_accuracy.values).all()
