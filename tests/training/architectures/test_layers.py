"""Convolutions, pooling, normalisations: torch's own, written so that they are fast and keep replicas' bits apart."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from langevin_sgd.config.sgd import Sgd
from langevin_sgd.training import initial
from langevin_sgd.training.architectures import checking as architectures
from langevin_sgd.training.architectures.cnn import ConvolutionalNetwork
from langevin_sgd.training.architectures.convolution import Convolution, MaxPool
from langevin_sgd.training.architectures.fully_connected import NtkLinear
from langevin_sgd.training.architectures.linear import LinearMap
from langevin_sgd.training.architectures.mlp import MultilayerPerceptron
from langevin_sgd.training.architectures.normalisation import OverSamples, OverUnits
from langevin_sgd.training.architectures.planted_barriers import PlantedBarriers
from langevin_sgd.training.architectures.residual_cnn import ResidualNetwork
from langevin_sgd.training.architectures.softmax import Softmax
from langevin_sgd.training.energy import Evaluator, Samples
from langevin_sgd.training.ensemble import Ensemble
from langevin_sgd.training.full_batch import FullBatch
from langevin_sgd.training.minibatches import Minibatches
from langevin_sgd.training.network import Network
from langevin_sgd.training.threads import Workers

IMAGE = (2, 8, 7)


def _random(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("kernel", "padding"), [(3, 1), (5, 2), (2, 0), (1, 0)])
def test_a_convolution_and_its_derivatives_are_those_of_torch(kernel, padding):
    ours = Convolution(2, 3, kernel, padding).double()
    theirs = nn.Conv2d(2, 3, kernel, padding=padding).double()
    theirs.load_state_dict(ours.state_dict())
    x = _random(4, *IMAGE).requires_grad_()
    results = []
    for layer, seen, back in ((theirs, x, lambda y: y), (ours, x.permute(1, 2, 3, 0), lambda y: y.permute(3, 0, 1, 2))):
        y = back(layer(seen))
        first = torch.autograd.grad((y**3).sum(), (x, layer.weight, layer.bias), create_graph=True)
        second = torch.autograd.grad(sum((g**2).sum() for g in first), (x, layer.weight, layer.bias))
        results.append((y, *first, *second))
    for found, expected in zip(results[1], results[0], strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("side", [1, 2, 3])
def test_pooling_is_that_of_torch(side):
    x = _random(4, *IMAGE).requires_grad_()
    expected = nn.functional.max_pool2d(x, side)
    found = MaxPool(side)(x.permute(1, 2, 3, 0)).permute(3, 0, 1, 2)
    assert torch.equal(found, expected)
    slopes = [torch.autograd.grad((y**2).sum(), x)[0] for y in (found, expected)]
    torch.testing.assert_close(*slopes, rtol=0, atol=0)


def test_of_equal_pixels_one_alone_has_the_slope():
    x = torch.ones(1, 2, 2, 1, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(MaxPool(2)(x).sum(), x)
    assert slope.sum() == 1
    assert slope.max() == 1


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (OverUnits(6, 1), nn.GroupNorm(1, 6)),
        (OverUnits(6, 3), nn.GroupNorm(3, 6)),
        (OverSamples(6, None), nn.BatchNorm2d(6, track_running_stats=False)),
    ],
)
def test_normalisations_are_those_of_torch(ours, theirs):
    ours, theirs = ours.double(), theirs.double()
    with torch.no_grad():
        for module, names in ((ours, ("gain", "bias")), (theirs, ("weight", "bias"))):
            getattr(module, names[0]).copy_(torch.linspace(0.5, 2, 6))
            getattr(module, names[1]).copy_(torch.linspace(-1, 1, 6))
    x = _random(5, 6, 4, 3)
    found = ours(x.permute(1, 2, 3, 0)).permute(3, 0, 1, 2)
    torch.testing.assert_close(found, theirs(x), rtol=1e-12, atol=1e-12)


def test_a_ghost_batch_is_normalised_by_itself():
    x = _random(3, 11)
    ghost, whole = OverSamples(3, 4).double(), OverSamples(3, None).double()
    expected = torch.cat([whole(x[:, :4]), whole(x[:, 4:])], 1)  # four, and seven with what is left over
    torch.testing.assert_close(ghost(x), expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(ghost(x[:, :3]), whole(x[:, :3]), rtol=0, atol=0)


def test_layer_normalisation_of_an_mlp_is_torchs():
    section = MultilayerPerceptron(kind="mlp", hidden=(5,), activation="silu", normalisation="layer")
    module = architectures.build(section, (7,), 3).double()
    linear, _, _, last = module
    x = _random(4, 7)
    expected = last(nn.functional.silu(nn.functional.layer_norm(linear(x), (5,))))
    torch.testing.assert_close(module(x), expected, rtol=1e-12, atol=1e-12)


def test_a_cnn_is_the_one_of_torch_at_the_same_weights():
    section = ConvolutionalNetwork(kind="cnn", channels=(3, 4), kernel=3, dense=(6,))
    ours = architectures.build(section, IMAGE, 5).double()
    layers = [
        *(nn.Conv2d(2, 3, 3, padding=1), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(3, 4, 3, padding=1), nn.MaxPool2d(2)),
        *(nn.ReLU(), nn.Flatten(), nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 5)),
    ]
    theirs = nn.Sequential(*layers).double()
    with torch.no_grad():
        for parameter, own in zip(theirs.parameters(), ours.parameters(), strict=True):
            parameter.copy_(own)
    x = _random(6, *IMAGE)
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-12, atol=1e-12)


def test_a_residual_block_leaves_the_image_where_its_last_convolution_is_zero():
    module = architectures.build(ResidualNetwork(kind="residual_cnn", channels=(4,), blocks=2), IMAGE, 3).double()
    convolution, first, second, last = module.convolutions
    x = _random(5, *IMAGE)
    whole = module(x)
    with torch.no_grad():
        for block in (first, second):
            block.change[-1].weight.zero_()
            block.change[-1].bias.zero_()
    expected = module.rest(last(convolution(x.permute(1, 2, 3, 0))).mean((1, 2)).T)
    torch.testing.assert_close(module(x), expected, rtol=1e-12, atol=1e-12)
    assert not torch.allclose(whole, expected)


def test_ntk_layers_keep_the_size_of_what_goes_through_them():
    """z = W x/sqrt(n) + b/10: of 4000 outputs the variance is |x|^2/n + 0.01, its standard error 2.2%: four of them."""
    layer = initial.build_with_seed(lambda: NtkLinear(50, 4000), 1, 0)
    x = torch.linspace(-1, 2, 50)
    expected = float((x**2).mean()) + 0.01
    z = layer(x).detach()
    assert abs(float(z.var()) / expected - 1) < 4 * (2 / 4000) ** 0.5
    torch.testing.assert_close(z, (layer.weight @ x / 50**0.5 + layer.bias / 10).detach())


@pytest.mark.parametrize(
    "section",
    [
        ConvolutionalNetwork(kind="cnn", channels=(2, 3), kernel=3, dense=(4,), activation="tanh"),
        ResidualNetwork(kind="residual_cnn", channels=(2,), normalisation="layer", activation="tanh"),
    ],
)
def test_its_hessian_and_the_gradients_of_its_samples_are_those_of_autograd(section):
    network = Network.of(
        initial.build_with_seed(lambda: architectures.build(section, IMAGE, 3), 1, 0), dtype=torch.float64
    )
    inputs, labels = _random(6, *IMAGE), torch.arange(6) % 3
    w = network.weights()

    def loss(at: torch.Tensor, which: slice = slice(None)) -> torch.Tensor:
        return nn.functional.cross_entropy(network.outputs(network.parameters(at), inputs[which]), labels[which])

    with Workers(1) as workers:
        full = FullBatch(network, Samples(inputs, labels), 0.0, workers)
        vectors = _random(2, network.size).numpy()
        products = full.hessian_products(w.numpy(), vectors)
        rows: list[np.ndarray] = []
        full.sample_gradients(w.numpy(), lambda block: rows.append(block.numpy().copy()))
    point = w.clone().requires_grad_()
    for vector, found in zip(vectors, products, strict=True):
        (slope,) = torch.autograd.grad(loss(point), point, create_graph=True)
        (expected,) = torch.autograd.grad(slope @ torch.from_numpy(vector), point)
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-10)
    for sample, found in enumerate(np.concatenate(rows)):
        (expected,) = torch.autograd.grad(loss(point, slice(sample, sample + 1)), point)
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11)


def _mlp(**keys) -> MultilayerPerceptron:
    return MultilayerPerceptron(kind="mlp", hidden=(12, 8), **keys)


def _small_cnn(**keys) -> ConvolutionalNetwork:
    return ConvolutionalNetwork(kind="cnn", channels=(4, 8), kernel=3, dense=(), **keys)


SECTIONS = {
    "softmax": Softmax(kind="softmax"),
    "linear": LinearMap(kind="linear", bias=False),
    "mlp": _mlp(activation="gelu"),
    "mlp layer": _mlp(normalisation="layer"),
    "mlp group": _mlp(normalisation="group", activation="softplus"),
    "mlp batch": _mlp(normalisation="batch"),
    "mlp ghost": _mlp(normalisation="ghost", ghost_batch=3),
    "mlp ntk": _mlp(initialisation="ntk"),
    "cnn": _small_cnn(),
    "cnn batch": _small_cnn(normalisation="batch"),
    "cnn group": _small_cnn(normalisation="group", activation="tanh"),
    "cnn dense": ConvolutionalNetwork(kind="cnn", channels=(5,), kernel=4, padding="none", pool=1, dense=(9,)),
    "residual": ResidualNetwork(kind="residual_cnn", channels=(3, 5)),
    "residual ghost": ResidualNetwork(kind="residual_cnn", channels=(3, 5), normalisation="ghost", ghost_batch=4),
    "planted barriers": PlantedBarriers(kind="planted_barriers", hidden=(40,)),
}


@pytest.mark.parametrize("name", SECTIONS)
def test_its_size_and_whether_it_mixes_samples_are_what_the_section_says(name):
    section = SECTIONS[name]
    shape = IMAGE if section.IMAGES else (10,)
    module = architectures.build(section, shape, 4)
    assert Network.of(module, dtype=torch.float32).size == section.parameters(shape, 4)
    assert architectures.check(module, _random(6, *shape), 4, name="it") is not section.mixes_samples()
    assert section.units(shape, 4) >= 4
    assert section.units((), 4) >= 4


# what these leave out is a part of one of them: softmax of an mlp, one group of two, the whole batch of a ghost's
@pytest.mark.by_default(
    *("dtype0-mlp", "dtype0-mlp group", "dtype0-cnn group", "dtype0-residual ghost", "dtype0-planted barriers"),
    *("dtype1-linear", "dtype1-mlp ghost", "dtype1-mlp ntk", "dtype1-cnn dense"),
)
@pytest.mark.parametrize("name", SECTIONS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_replica_has_the_same_bits_whatever_runs_beside_it(name, dtype):
    section = SECTIONS[name]
    shape = IMAGE if section.IMAGES else (10,)
    inputs, labels = _random(50, *shape).numpy(), np.arange(50) % 4

    def build() -> nn.Module:
        return architectures.build(section, shape, 4)

    network = Network.of(initial.build_with_seed(build, 1, 0), dtype=dtype)
    start = network.weights() + 0.1 * _random(64, network.size).to(dtype)
    samples = Samples.of(inputs, labels, dtype=dtype)
    sgd = Sgd(learning_rate=0.1, batch_size=7, momentum=0.5, weight_decay=0.01)
    found = []
    for replicas in (64, 8):
        with Workers(1) as workers:
            ensemble = Ensemble(network, samples, sgd, weights=start[:replicas], dtype=dtype, workers=workers)
            ensemble.advance(Minibatches.of(sgd, seed=3, replicas=replicas, samples=50), 0, 4)
            double = Network.of(copy.deepcopy(network.module), dtype=torch.float64)
            evaluate = Evaluator(double, samples.to(torch.float64), workers, apart=not section.mixes_samples())
            found.append((ensemble.weights.clone(), evaluate(ensemble.weights).loss))
    for weights, loss in found[1:]:
        assert torch.equal(weights, found[0][0][: len(weights)])
        assert np.array_equal(loss, found[0][1][: len(loss)])
    assert np.isfinite(found[0][1]).all()
    assert not torch.equal(found[0][0], start.to(dtype))
