"""Patches and squares of images: torch's own by definition, on every backend, adjoint, and one row a replica."""

import math

import pytest
import torch
from torch import nn

from langevin_sgd.training.architectures import image_operations
from langevin_sgd.training.tracing import trace

SHAPE = (3, 2, 7, 5, 4)  # replicas, channels, height, width, samples


def _random(*shape: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).to(dtype)


@pytest.fixture(params=["compiled", "torch"])
def backend(request, monkeypatch):
    if request.param == "torch":
        monkeypatch.setattr(image_operations, "_compiled_for", lambda x: False)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("kernel", "zeros"), [(1, 0), (3, 1), (3, 0), (5, 2), (2, 3), (4, 6)])
def test_patches_are_those_of_torch(backend, dtype, kernel, zeros):
    x = _random(*SHAPE, dtype=dtype)
    found = image_operations.patches(x, kernel, zeros)
    for replica in range(SHAPE[0]):
        samples_first = x[replica].movedim(-1, 0)
        expected = nn.functional.unfold(samples_first, kernel, padding=zeros)  # (n, c k^2, h' w')
        assert torch.equal(found[replica], expected.permute(1, 2, 0).reshape(len(expected[0]), -1))


@pytest.mark.parametrize(("kernel", "zeros"), [(1, 0), (3, 1), (3, 0), (5, 2), (2, 3), (4, 6)])
def test_what_folds_patches_is_their_adjoint(backend, kernel, zeros):
    """<P x, y> = <x, P' y>, both ways."""
    x = _random(*SHAPE).requires_grad_()
    patches = image_operations.patches(x, kernel, zeros)
    y = torch.linspace(-1, 2, patches.numel(), dtype=torch.float64).reshape(patches.shape).requires_grad_()
    (folded,) = torch.autograd.grad((patches * y).sum(), x, create_graph=True)
    assert math.isclose(float((patches * y).sum().detach()), float((folded * x).sum().detach()), rel_tol=1e-12)
    (again,) = torch.autograd.grad((folded * x.detach()).sum(), y)
    torch.testing.assert_close(again, patches.detach(), rtol=0, atol=0)


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
    def function(x: torch.Tensor) -> tuple[torch.Tensor]:
        return (image_operations.pooled(image_operations.patches(x, 3, 1).reshape(18, 6, 6, 4), 2),)

    x = _random(5, 2, 6, 6, 4)
    recorded = trace(torch.func.vmap(function), x)
    targets = {node.target for node in recorded.graph.nodes if node.op == "call_function"}
    assert {image_operations._patches, image_operations._pooled} <= targets
    assert not any("custom" in str(target) or "langevin_sgd::" in str(target) for target in targets)
    with torch.inference_mode():
        (found,) = recorded(x)
    for replica in range(5):
        assert torch.equal(found[replica], function(x[replica])[0])
