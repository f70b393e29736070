"""A graph is traced once for all that have the same one, and never serves what differs in a number it was made with."""

import functools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from made_up_networks import trained
from torch import nn

from langevin_sgd.models.network import landmarks
from langevin_sgd.training import kept_traces, tracing
from langevin_sgd.training.architectures.normalisation import OfRows, OverUnits
from langevin_sgd.training.losses import functions, of_weights
from langevin_sgd.training.losses.cross_entropy.config import CrossEntropyLoss
from langevin_sgd.training.losses.loss import Loss
from langevin_sgd.training.losses.mse.config import SquaredErrorLoss
from langevin_sgd.training.network import Network
from langevin_sgd.training.tracing import trace

REPLICAS, BATCH, CLASSES = 2, 5, 3


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    kept_traces.forget()
    yield
    kept_traces.forget()


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """An entry for everything that is traced."""
    record, made = tracing._record, []
    monkeypatch.setattr(tracing, "_record", lambda *given: made.append(1) or record(*given))
    return made


def _module(between: Callable[[], nn.Module] = nn.Tanh, width: int = 4) -> nn.Module:
    return nn.Sequential(nn.Linear(4, width), between(), nn.Linear(width, CLASSES))


def _smoothed(share: float) -> Loss:
    return CrossEntropyLoss(kind="cross_entropy", label_smoothing=share).build()


def _gradients(
    module: nn.Module,
    loss: Loss | None = None,
    dtype: torch.dtype = torch.float64,
    batch: int = BATCH,
    make: Callable = functions.gradient,
    varying: Sequence[int] | None = None,
) -> tuple[torch.Tensor, ...]:
    network = Network.of(module, dtype=dtype)
    generator = torch.Generator().manual_seed(1)
    weights = torch.randn(REPLICAS, network.size, generator=generator, dtype=torch.float64).to(dtype)
    inputs = torch.randn(REPLICAS, batch, 4, generator=generator, dtype=torch.float64).to(dtype)
    labels = torch.arange(REPLICAS * batch).view(REPLICAS, batch) % CLASSES
    arguments = [*network.parameters(weights), inputs, labels]
    return trace(torch.func.vmap(make(network, loss or _smoothed(0.0))), *arguments, varying=varying)(*arguments)


def _same(first: tuple[torch.Tensor, ...], second: tuple[torch.Tensor, ...]) -> bool:
    return len(first) == len(second) and all(map(torch.equal, first, second))


def _leaky(slope: float) -> nn.Module:
    return _module(lambda: nn.LeakyReLU(slope))


def _with_hook() -> nn.Module:
    module = _module()
    module[0].register_forward_hook(lambda _, inputs, output: 2.0 * output)
    return module


def _tied(ones: tuple[int, int]) -> nn.Module:
    module = nn.Sequential(nn.Linear(4, 4, False), nn.Tanh(), nn.Linear(4, 4, False), nn.Linear(4, 4, False))
    module[ones[1]].weight = module[ones[0]].weight
    return module


def test_it_is_traced_once_for_modules_of_other_weights(recorded: list[int]):
    once = _gradients(_module())
    assert _same(_gradients(_module()), once)
    assert len(recorded) == 1
    kept_traces.forget()
    assert _same(_gradients(_module()), once)
    assert len(recorded) == 2


def test_a_function_of_other_varying_arguments_has_a_graph_of_its_own(recorded: list[int]):
    for varying in (None, [0], [1], [1, 0], [0], None):
        _gradients(_module(), varying=varying)
    assert len(recorded) == 4


DIFFERENT = {
    "a share of label smoothing": lambda: (
        _gradients(_module(), _smoothed(0.0)),
        _gradients(_module(), _smoothed(0.1)),
    ),
    "another share": lambda: (_gradients(_module(), _smoothed(0.1)), _gradients(_module(), _smoothed(0.2))),
    "the loss": lambda: (_gradients(_module()), _gradients(_module(), SquaredErrorLoss(kind="mse").build())),
    "the slope of an activation": lambda: (_gradients(_leaky(0.1)), _gradients(_leaky(0.2))),
    "the sign of a slope of 0": lambda: (_gradients(_leaky(0.0)), _gradients(_leaky(-0.0))),
    "an activation": lambda: (_gradients(_module(nn.Tanh)), _gradients(_module(nn.Sigmoid))),
    "a way to write it": lambda: (_gradients(_module(nn.GELU)), _gradients(_module(lambda: nn.GELU("tanh")))),
    "the small number of a normalisation": lambda: tuple(
        _gradients(_module(functools.partial(nn.LayerNorm, 4, eps=eps))) for eps in (1e-5, 1e-2)
    ),
    "groups of a normalisation": lambda: tuple(
        _gradients(_module(lambda groups=groups: OfRows(OverUnits(4, groups)))) for groups in (1, 2)
    ),
    "which layers share their weights": lambda: (_gradients(_tied((0, 2))), _gradients(_tied((0, 3)))),
    "a hook": lambda: (_gradients(_module()), _gradients(_with_hook())),
    "what is evaluated": lambda: (_gradients(_module()), _gradients(_module(), make=functions.values)),
    "the number of samples": lambda: (_gradients(_module()), _gradients(_module(), batch=BATCH + 1)),
    "the width of a layer": lambda: (_gradients(_module()), _gradients(_module(width=6))),
    "the arithmetic": lambda: (_gradients(_module()), _gradients(_module(), dtype=torch.float32)),
}


@pytest.mark.parametrize("case", DIFFERENT)
def test_what_differs_in_one_thing_has_a_graph_of_its_own(case: str, recorded: list[int]):
    first, second = DIFFERENT[case]()
    assert len(recorded) == 2
    if case != "the sign of a slope of 0":
        assert not _same(first, second)


def test_one_tensor_given_twice_is_not_two(recorded: list[int]):
    network, loss = Network.of(_module(), dtype=torch.float64), _smoothed(0.0)
    point = torch.randn(network.size, dtype=torch.float64)
    samples = torch.randn(BATCH, 4, dtype=torch.float64), torch.arange(BATCH) % CLASSES
    for other in (point, 2.0 * point):
        found = trace(functions.along(network, loss), point, other, *samples)(point, other, *samples)
        torch.testing.assert_close(found, functions.along(network, loss)(point, other, *samples), rtol=1e-12, atol=0)
    assert len(recorded) == 2


class _Counts(nn.Module):
    """A module of the user's own that does something else at every trace."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.calls = nn.Linear(4, CLASSES), 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return self.calls * self.inner(x)


class _Own(Loss):
    def values(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return (outputs**2).sum(1)


def _frozen() -> nn.Module:
    module = _module()
    module[0].requires_grad_(False)
    return module


def _buffered() -> nn.Module:
    module = _module()
    module[1].register_buffer("unused", torch.ones(3))
    return module


@pytest.mark.parametrize("module", [_Counts, _frozen, _buffered, functools.partial(nn.Sequential, _Counts())])
def test_code_and_numbers_of_the_users_own_are_traced_each_time(module: Callable[[], nn.Module], recorded: list[int]):
    given = module()
    _gradients(given)
    _gradients(given)
    assert len(recorded) == 2


def test_a_loss_of_the_users_own_is_traced_each_time(recorded: list[int]):
    for _ in range(2):
        _gradients(_module(), _Own())
    assert len(recorded) == 2


def test_a_method_that_is_replaced_counts(monkeypatch: pytest.MonkeyPatch):
    once = _gradients(_module())
    forward = nn.Tanh.forward
    monkeypatch.setattr(nn.Tanh, "forward", lambda self, x: 2.0 * forward(self, x))
    assert not _same(_gradients(_module()), once)


def test_there_are_no_more_than_are_kept(monkeypatch: pytest.MonkeyPatch, recorded: list[int]):
    monkeypatch.setattr(kept_traces, "_KEPT", 2)
    for width in (4, 5, 4, 6, 4, 5):  # 5 was not asked for the longest when 6 came
        _gradients(_module(width=width))
    assert len(kept_traces._graphs) == 2
    assert len(recorded) == 4


def test_threads_share_it():
    network, loss = Network.of(_module(), dtype=torch.float64), _smoothed(0.0)
    make = of_weights.hessian_rows(network, loss)
    arguments = (
        torch.eye(network.size, dtype=torch.float64),
        torch.linspace(-1.0, 1.0, network.size, dtype=torch.float64),
        torch.linspace(-1.0, 1.0, BATCH * 4, dtype=torch.float64).view(BATCH, 4),
        torch.arange(BATCH) % CLASSES,
        torch.ones(BATCH, dtype=torch.float64),
    )
    trace(make, *arguments)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: trace(make, *arguments)(*arguments), range(16)))
    assert all(_same(found[0], each) for each in found)
    assert len(kept_traces._graphs) == 1


@pytest.mark.usefixtures("own_modules")
def test_a_training_has_the_same_bits_with_what_was_traced_before(recorded: list[int]):
    def study(share: float):
        landmarks.forget()
        loss = {"kind": "cross_entropy", "label_smoothing": share}
        return trained(loss=loss, steps=60)

    cold = study(0.1)
    traced = len(recorded)
    assert traced > 3
    assert study(0.1).identical(cold)
    assert len(recorded) == traced
    other = study(0.2)
    assert len(recorded) > traced
    assert not other.energy.identical(cold.energy)
    kept_traces.forget()
    assert study(0.2).identical(other)
