"""The law of the sharpest modes of an MLP 784-128-10, 101,770 weights, on images from IDX files; memory and all."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

WITHIN = 0.05  # of the law, in every mode
GIGABYTES = 4.0
SEEDS = (2, 3)  # of the initial weights, so that they have minima of their own, and of minibatches
REPLICAS, STEPS, BURN_IN, LEARNING_RATE, BATCH = 32, 2700, 500, 1.0, 1024

# Chosen before a variance of these two was seen, from H and C of another seed and from what that one showed:
# - Standardised pixels, weight decay 0.03: k is 0.18 to 0.69 and all twenty modes are noisy.
# - eta = 1: a mode has R T (1 - a^2)/(1 + a^2) independent samples, a = 1 - eta k. In the flattest, k = 0.179, they
#   are 13,700, and its variance is known to 1.21%, in the sharpest to 0.6%: 5% is four of these and more.
# - B = 1024: the law is that of H and C at the minimum, and SGD departs from it as eta C/(B k). With B = 256 and seed 1
#   it did by 0.4% to 4.3% in 19 modes and by 7.5 +- 1.0% in one of little noise, k = 0.271; in the same network on
#   images of 8 x 8 pixels such a one is off by 5.3 +- 0.9% with B = 128 and by 1.2 +- 1.4% with 512. A quarter of the
#   7.5% is 1.9%. A smaller eta costs as much, since modes forget as slowly.
# - A gradient of 1e-6: 1e-4 is not enough. Hidden units as good as linear can be turned among one another at next to no
#   cost: at that gradient the search has stopped where the lowest curvature is 1e-4, and the minimum is 0.24 away along
#   such turns, where it is 0.0032. The five modes that they displace are then one to four standard deviations off, and
#   a training that goes there has that in its variance. `burn_in` is 1.6 times the time that the flattest takes.
#
# Found: all twenty modes within 2.0% of the law with seed 2, at 0.980 to 1.019 and 1.002 in the mean, and within 1.5%
# with seed 3, at 0.989 to 1.014 and 1.003 in the mean, each known to 0.6% to 1.4%; the one of k = 0.271 is at 1.008(10)
# and 0.995(6). What is left at B = 256 is that the noise is no constant: with H and C averaged over 16 pairs of points
# of that training and its mirror image about the minimum, as the law `self_consistent` does in smaller networks, the
# discrete law is 1.072 +- 0.005 of that of the minimum in the mode at 1.075 +- 0.010, C along it 7.4 +- 0.5% larger
# than at the minimum; of the other modes it says 1.017 to 1.048 where 1.004 to 1.043 was found, each within 2.3%.
MOST_ERROR = 0.013

RUN = """
import resource, sys
import numpy as np
import langevin_sgd as lsgd

network = {
    "kind": "network", "data": {"name": "mnist", "folder": sys.argv[1], "standardise": True},
    "architecture": {"kind": "mlp", "hidden": [128]},
    "start": "minimum", "gradient_tolerance": 1e-6, "curvature": {"modes": 20},
    "replicas": int(sys.argv[4]), "steps": int(sys.argv[5]), "burn_in": int(sys.argv[6]), "sample_every": 2,
    "record_times": 2, "recording": {"samples": 100, "window": "modes"},
}
sgd = {"learning_rate": float(sys.argv[7]), "batch_size": int(sys.argv[8]), "weight_decay": 0.03}
found = lsgd.simulate({"name": "wide", "seed": int(sys.argv[3]), "sgd": sgd, "models": {"network": network}})["network"]
np.savez(
    sys.argv[2],
    gigabytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    share=found.noise_share, curvature=found.hessian_eigenvalue, variance=found.mode_variance,
    stderr=found.mode_variance_stderr, law=found.mode_variance_predicted, claimed=found.attrs["law"],
    isotropic=found.mode_variance_law.sel(law="isotropic"),
)
"""


def idx(array: np.ndarray) -> bytes:
    header = bytes((0, 0, 8, array.ndim)) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    return header + array.astype(np.uint8).tobytes()


def write_images(folder: Path) -> None:
    """Ten smooth pictures under noise of a few pixels' range, so that classes overlap."""
    rng = np.random.default_rng(0)
    pictures = np.stack([gaussian_filter(rng.standard_normal((28, 28)), 2.5) for _ in range(10)])
    pictures /= pictures.std((1, 2), keepdims=True)
    for part, samples in (("train", 2000), ("t10k", 200)):
        labels = rng.integers(10, size=samples)
        noise = np.stack([gaussian_filter(rng.standard_normal((28, 28)), 1.0) for _ in range(samples)])
        images = np.clip(110 + 35 * (pictures[labels] + 3.6 * noise), 0, 255)
        (folder / f"{part}-images-idx3-ubyte").write_bytes(idx(images))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(idx(labels))


@pytest.fixture(scope="module", params=SEEDS)
def measured(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    folder = tmp_path_factory.mktemp("wide")
    write_images(folder)
    results = folder / "results.npz"
    settings = (folder, results, request.param, REPLICAS, STEPS, BURN_IN, LEARNING_RATE, BATCH)
    subprocess.run([sys.executable, "-c", RUN, *map(str, settings)], check=True, cwd=folder)
    with np.load(results) as found:
        return dict(found)


@pytest.mark.validate
def test_twenty_modes_are_measured_as_well_as_was_planned(measured: dict[str, np.ndarray]) -> None:
    """In less than 4 GiB, to 1.3% a mode; the isotropic law is off by a factor of hundreds in each."""
    ratio, stderr = (measured[name] / measured["law"] for name in ("variance", "stderr"))
    contrast = measured["variance"] / measured["isotropic"]
    remembered = (1 - LEARNING_RATE * measured["curvature"]) ** 2
    expected = np.sqrt(2 * (1 + remembered) / (1 - remembered) / (REPLICAS * (STEPS - BURN_IN)))
    print(f"\nnoise covered {float(measured['share']):.1%}, peak memory {float(measured['gigabytes']):.2f} GB")
    print("modes with k, variance over law +- error (expected of a Gaussian process), over the isotropic law:")
    for row in zip(measured["curvature"], ratio, stderr, expected, contrast, strict=True):
        print("{:6.3f} {:6.3f} +- {:.4f} ({:.4f}) {:10.3g}".format(*row))
    assert str(measured["claimed"]) == "discrete"
    assert measured["gigabytes"] < GIGABYTES
    assert expected.max() < MOST_ERROR
    assert np.sqrt(np.mean(stderr**2)) < MOST_ERROR  # that of one mode, from 32 replicas, is known to 13% itself
    assert (contrast > 100).all()


@pytest.mark.validate
def test_each_mode_fluctuates_by_the_law_at_the_minimum(measured: dict[str, np.ndarray]) -> None:
    """Within 5% of the law that is claimed, the discrete one with H and C at the minimum."""
    assert (np.abs(measured["variance"] / measured["law"] - 1) < WITHIN).all()
