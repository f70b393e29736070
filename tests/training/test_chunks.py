"""What a config says of the size of results is what networks hold, so that estimates of memory are right."""

import math

import pytest
import torch
from pydantic import TypeAdapter

from langevin_sgd.models.memory import Factor
from langevin_sgd.models.network.memory import evaluation
from langevin_sgd.training.architectures import Architecture
from langevin_sgd.training.architectures import checking as architectures
from langevin_sgd.training.chunks import even, replicas_at_a_time, samples_at_a_time
from langevin_sgd.training.intermediate_results import forward_operations, widest
from langevin_sgd.training.network import Network

IMAGE = (1, 8, 8)
ARCHITECTURES = {
    "softmax": ({"kind": "softmax"}, 64 * 10),
    "mlp": ({"kind": "mlp", "hidden": [32, 48]}, 64 * 32 + 32 * 48 + 48 * 10),
    "cnn": ({"kind": "cnn", "channels": [8, 16], "kernel": 3, "dense": []}, 64 * 9 * 8 + 16 * 72 * 16 + 64 * 10),
    "residual_cnn": ({"kind": "residual_cnn", "channels": [4, 8], "blocks": 1}, None),
}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_widest_result_and_the_products_are_those_of_the_network(name: str) -> None:
    written, products = ARCHITECTURES[name]
    section = TypeAdapter(Architecture).validate_python(written)
    shape = IMAGE if section.IMAGES else (64,)
    network = Network.of(architectures.build(section, shape, 10), dtype=torch.float64)
    inputs = torch.zeros(4, *shape, dtype=torch.float64)
    assert section.widest(shape, 10) == widest(network, inputs)
    assert section.widest(shape, 10) <= section.units(shape, 10)
    if products is not None:
        assert forward_operations(network, inputs) == 2 * max(products, network.size)  # biases are added


def test_wide_networks_are_evaluated_in_small_chunks() -> None:
    assert (samples_at_a_time(512), replicas_at_a_time(512)) == (256, 64)
    assert (samples_at_a_time(2304), replicas_at_a_time(2304)) == (16, 16)
    assert samples_at_a_time(10**6) == 16


@pytest.mark.parametrize(
    ("samples", "widest", "size"),
    [
        (1438, 25, 1440 - 2),  # all of them
        (5000, 25, 1680),  # three chunks of nearly as many
        (5000, 400, 320),  # 327 at most
        (60000, 2304, 16),  # as small as those of wide networks are
        (7, 25, 7),
    ],
)
def test_chunks_are_as_near_to_equal_as_can_be(samples: int, widest: int, size: int) -> None:
    assert even(samples, widest) == size


def test_the_estimate_follows_the_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """16 replicas of a residual network on chunks of 16 samples: 62 MB where 35 MB are measured, and not 1 GB."""
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    section = TypeAdapter(Architecture).validate_python(ARCHITECTURES["residual_cnn"][0])
    replicas = Factor(("models", "m", "replicas"), "replicas", 16, 64)
    (held,) = evaluation(("models", "m"), section, replicas, IMAGE, 10)
    assert math.isclose(held.bytes, 2.5 * 8 * 16 * 16 * section.units(IMAGE, 10))
    mixing = section.model_copy(update={"normalisation": "batch"})
    (whole,) = evaluation(("models", "m"), mixing, replicas, IMAGE, 10)
    assert math.isclose(whole.bytes, 16 * held.bytes)  # its loss is one of 256 samples
