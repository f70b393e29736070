"""Convolutions and squares of images: torch's own by definition, on every backend, to second derivatives."""

import math

import pytest
import torch
from torch import nn

from langevin_sgd.training.architectures import image_kernels, image_operations
from langevin_sgd.training.tracing import trace

SHAPE = (3, 2, 7, 5, 4)  # replicas, channels, height, width, samples


def _random(*shape: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).to(dtype)


@pytest.fixture(params=["compiled", "torch"])
def backend(request, monkeypatch):
    if request.param == "torch":
        monkeypatch.setattr(image_operations, "_compiled_for", lambda x: False)


def _of_torch(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, zeros: int) -> torch.Tensor:
    of_each = [
        nn.functional.conv2d(own.movedim(-1, 0), w, b, padding=zeros).movedim(0, -1)
        for own, w, b in zip(x, weight, bias, strict=True)
    ]
    return torch.stack(of_each)


@pytest.mark.parametrize(("dtype", "rounding"), [(torch.float32, 1e-3), (torch.float64, 1e-11)])
@pytest.mark.parametrize(("kernel", "zeros"), [(1, 0), (3, 1), (3, 0), (5, 2), (2, 3), (4, 6)])
def test_a_convolution_and_its_derivatives_are_those_of_torch(backend, dtype, rounding, kernel, zeros):
    """To the second order: all three operations, and what each is differentiated to."""
    x, weight = _random(*SHAPE, dtype=dtype), _random(3, 5, 2, kernel, kernel, dtype=dtype)
    arguments = [each.requires_grad_() for each in (x, weight, _random(3, 5, dtype=dtype))]
    results = []
    for convolve in (_of_torch, image_operations.convolved):
        y = convolve(*arguments, zeros)
        first = torch.autograd.grad((y**3).sum(), arguments, create_graph=True)
        second = torch.autograd.grad(sum((slope**2).sum() for slope in first), arguments)
        results.append((y, *first, *second))
    for expected, found in zip(*results, strict=True):
        torch.testing.assert_close(found / expected.std(), expected / expected.std(), rtol=rounding, atol=rounding)


def test_images_that_are_convolved_a_few_lines_at_a_time(backend):
    """9 lines of 17 pixels and 50 samples: four at a time, four, and one."""
    assert image_kernels.room(3, 2, 3, 9, 17, 50)[0] == 4
    arguments = [_random(2, 2, 9, 17, 50), _random(2, 3, 2, 3, 3), _random(2, 3)]
    arguments = [each.requires_grad_() for each in arguments]
    results = [
        (y, *torch.autograd.grad((y**2).sum(), arguments))
        for y in (convolve(*arguments, 1) for convolve in (_of_torch, image_operations.convolved))
    ]
    for expected, found in zip(*results, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


def test_kernels_are_read_where_they_lie(backend):
    """As parameters do, in rows of weights, with others between them; and one kernel may serve all replicas."""
    x, weights = _random(*SHAPE), _random(3, 200)
    weight, bias = weights[:, 7:97].view(3, 5, 2, 3, 3), weights[:, 100:105]
    expected = _of_torch(x, weight, bias, 1)
    torch.testing.assert_close(image_operations.convolved(x, weight, bias, 1), expected, rtol=1e-12, atol=1e-12)
    transposed = weight.mT.contiguous().mT
    torch.testing.assert_close(image_operations.convolved(x, transposed, bias, 1), expected, rtol=1e-12, atol=1e-12)
    one = (each[1].expand_as(each) for each in (weight, bias))
    found = image_operations.convolved(x, *one, 1)[1]
    torch.testing.assert_close(found, expected[1], rtol=1e-12, atol=1e-12)


@pytest.mark.covering(strength=2)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("rectified", [False, True])
@pytest.mark.parametrize("side", [1, 2, 3, 5])
def test_pooling_and_its_derivatives_are_those_of_torch(backend, dtype, side, rectified):
    x = _random(*SHAPE, dtype=dtype).round(decimals=1)  # some are equal
    x.requires_grad_()
    weights = _random(*SHAPE[:2], SHAPE[2] // side, SHAPE[3] // side, SHAPE[4], dtype=dtype)
    slopes = []
    for pool in (
        lambda x: image_operations.pooled(x, side, rectified),
        lambda x: nn.functional.max_pool2d(x.movedim(-1, 1).flatten(0, 1), side).unflatten(0, (3, 4)).movedim(1, -1),
    ):
        y = pool(x)
        y = y.relu() if rectified else y  # which changes nothing where it was done
        (first,) = torch.autograd.grad((weights * y**3).sum(), x, create_graph=True)
        (second,) = torch.autograd.grad((first**2).sum(), x)
        slopes.append((y, first, second))
    for found, expected in zip(*slopes, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-5 if dtype == torch.float32 else 1e-12, atol=0)
    assert torch.equal(slopes[0][0], slopes[1][0])


def test_the_slope_of_a_slope_is_none_where_no_pixel_is_positive(backend):
    """d/ds of <x, dS/dx>, S = sum s y, is the largest pixel of each square, and 0 where y is."""
    x = _random(2, 4, 4, 3).requires_grad_()
    s = torch.ones(2, 2, 2, 3, dtype=torch.float64, requires_grad=True)
    y = image_operations.pooled(x - 1.0, 2, True)
    assert bool((y == 0).any())
    assert bool((y > 0).any())
    (slope,) = torch.autograd.grad((s * y).sum(), x, create_graph=True)
    (found,) = torch.autograd.grad((slope * (x.detach() - 1.0)).sum(), s)
    assert torch.equal(found, y.detach())


@pytest.mark.parametrize("side", [2, 3])
@pytest.mark.parametrize("place", [0, 1, 3])
@pytest.mark.parametrize("rectified", [False, True])
def test_what_is_no_number_is_not_pooled_away(backend, side, place, rectified):
    x = _random(1, side, side, 2)
    x.view(-1, 2)[place, 0] = math.nan
    found = image_operations.pooled(x, side, rectified)
    assert bool(found[..., 0].isnan().all())
    assert bool(found[..., 1].isfinite().all())


def test_of_replicas_some_arguments_of_which_are_shared(backend):
    """One image for all, or one slope: the axis of replicas is put before what has none."""
    x, slopes = _random(2, 6, 6, 4), _random(3, 2, 3, 3, 4)

    def slope(x: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
        return torch.func.grad(lambda at: (image_operations.pooled(at, 2) * times).sum())(x)

    of_slopes = torch.func.vmap(slope, in_dims=(None, 0))(x, slopes)
    of_images = torch.func.vmap(slope, in_dims=(2, None))(torch.stack([x, -x], dim=2), slopes[0])
    for replica in range(3):
        assert torch.equal(of_slopes[replica], slope(x, slopes[replica]))
    assert torch.equal(of_images[1], slope(-x, slopes[0]))


def test_a_record_calls_the_compiled_loops_themselves():
    def function(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> tuple[torch.Tensor]:
        return (image_operations.pooled(image_operations.convolved(x, weight, bias, 1), 2),)

    arguments = _random(5, 2, 6, 6, 4), _random(5, 3, 2, 3, 3), _random(5, 3)
    recorded = trace(torch.func.vmap(function), *arguments)
    targets = {node.target for node in recorded.graph.nodes if node.op == "call_function"}
    assert {image_operations._convolved, image_operations._pooled} <= targets
    assert not any("langevin_sgd::" in str(target) for target in targets)
    with torch.inference_mode():
        (found,) = recorded(*arguments)
    for replica in range(5):
        assert torch.equal(found[replica], function(*(each[replica] for each in arguments))[0])
