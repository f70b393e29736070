import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from langevin_sgd.errors import UserError
from langevin_sgd.training.held_arguments import VIEWS, Split
from langevin_sgd.training.losses.cross_entropy.functions import CROSS_ENTROPY
from langevin_sgd.training.losses.functions import gradient as gradient_of
from langevin_sgd.training.network import Network
from langevin_sgd.training.tracing import trace

CLASSES, BATCH = 4, 5

ACTIVATIONS = [
    nn.Tanh,
    nn.ReLU,
    nn.GELU,
    lambda: nn.GELU(approximate="tanh"),
    nn.Sigmoid,
    nn.SiLU,
    nn.Softplus,
    nn.ELU,
    nn.SELU,
    nn.CELU,
    nn.Mish,
    nn.LogSigmoid,
    nn.Hardswish,
    nn.Softsign,
    nn.LeakyReLU,
    lambda: nn.ReLU(inplace=True),
]


def _mlp(activation) -> nn.Module:
    return nn.Sequential(nn.Linear(7, 5), activation(), nn.Linear(5, CLASSES))


def _convolution() -> nn.Module:
    layers = nn.Unflatten(1, (1, 7)), nn.Conv1d(1, 3, 3), nn.Tanh(), nn.Flatten(), nn.Linear(15, CLASSES)
    return nn.Sequential(*layers)


class _Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(1, 4)
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)
        self.last = nn.Linear(4, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.embed(x.unsqueeze(-1))
        mixed, _ = self.attention(tokens, tokens, tokens, need_weights=False)
        return self.last((tokens + mixed).mean(1))


class _Frozen(nn.Module):
    """A trained layer behind a fixed one and a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.fixed = nn.Linear(7, 6).requires_grad_(False)
        self.register_buffer("scale", torch.linspace(0.5, 2.0, 6))
        self.last = nn.Linear(6, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(torch.tanh(self.fixed(x) * self.scale))


MODULES = [
    *(_mlp(activation) for activation in ACTIVATIONS),
    _convolution(),
    nn.Sequential(nn.Linear(7, 6), nn.LayerNorm(6), nn.Linear(6, CLASSES)),
    _Attention(),
    _Frozen(),
]


def _ensemble(module: nn.Module, replicas: int, dtype: torch.dtype) -> tuple[Network, list[torch.Tensor]]:
    network = Network.of(module, dtype=dtype)
    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(40, network.size, generator=generator).to(dtype)[:replicas]
    x = torch.randn(40, BATCH, 7, generator=generator).to(dtype)[:replicas]
    labels = torch.randint(0, CLASSES, (40, BATCH), generator=generator)[:replicas]
    return network, [*network.parameters(weights), x, labels]


@pytest.mark.parametrize("module", MODULES, ids=range(len(MODULES)))
def test_a_traced_gradient_is_that_of_autograd(module: nn.Module):
    replicas = 3
    network, arguments = _ensemble(module, replicas, torch.float64)
    traced = trace(torch.func.vmap(gradient_of(network, CROSS_ENTROPY)), *arguments)
    found = traced(*arguments)
    *parameters, x, labels = arguments
    for replica in range(replicas):
        own = [p[replica].clone().requires_grad_() for p in parameters]
        outputs = network.outputs(own, x[replica])
        loss = nn.functional.cross_entropy(outputs, labels[replica], reduction="sum")
        for expected, gradient in zip(torch.autograd.grad(loss, own), found, strict=True):
            torch.testing.assert_close(gradient[replica], expected, rtol=1e-12, atol=1e-13)


@pytest.mark.covering
@pytest.mark.parametrize("module", MODULES, ids=range(len(MODULES)))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_bits_do_not_depend_on_the_number_of_replicas(module: nn.Module, dtype: torch.dtype):
    # a prime number of activations per replica would show kernels that treat the end of an array differently
    results = {}
    for replicas in (3, 37):
        network, arguments = _ensemble(module, replicas, dtype)
        traced = trace(torch.func.vmap(gradient_of(network, CROSS_ENTROPY)), *arguments)
        results[replicas] = traced(*arguments)
    for few, many in zip(results[3], results[37], strict=True):
        assert torch.equal(few, many[:3])


def test_the_list_of_operations_is_short():
    network, arguments = _ensemble(nn.Sequential(nn.Linear(7, CLASSES)), 3, torch.float32)
    function = torch.func.vmap(gradient_of(network, CROSS_ENTROPY))
    graph = trace(function, *arguments).graph
    work = [node.target.__name__ for node in graph.nodes if node.op == "call_function"]
    assert sorted(work) == [
        "baddbmm",
        "bmm",
        "getattr",
        "reshape",
        "scatter_add_",
        "softmax",
        "sum",
        "unsqueeze",
    ]


@pytest.mark.parametrize("order", [(0, 2, 1), (2, 0, 1), (1, 0, 2)])
@pytest.mark.parametrize("axes", [[1], [-1], [0, 2], [2, 1]])
def test_a_sum_over_a_permuted_tensor_has_the_bits_that_it_had(order: tuple[int, ...], axes: list[int]):
    def function(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (x.permute(order).sum(axes),)

    x = torch.randn(5, 37, 11)
    assert torch.equal(trace(function, x)(x)[0], function(x)[0])


def test_what_is_used_again_is_not_written_into():
    def function(x: torch.Tensor, at: torch.Tensor) -> tuple[torch.Tensor, ...]:
        alone, shared, half = torch.softmax(x, 0), torch.softmax(2 * x, 0), x - 0.5
        into = [each.scatter_add(0, at, -torch.ones_like(x)) for each in (alone, shared, half.T, x)]
        return *into, shared + 1.0

    x, at = torch.randn(3, 3), torch.tensor([[2, 0, 1]])
    given, traced = x.clone(), trace(function, x, at)
    targets = [node.target.__name__ for node in traced.graph.nodes if node.op == "call_function"]
    assert targets.count("scatter_add_") == 1
    assert targets.count("scatter_add") == 3
    for found, expected in zip(traced(x, at), function(x, at), strict=True):
        assert torch.equal(found, expected)
    assert torch.equal(x, given)


def test_repeated_and_idle_operations_go_but_nothing_else():
    def function(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        same = x.reshape(2, 3).expand(2, 3).transpose(0, 1).transpose(0, 1) * 1
        return same.exp() + same.clone().exp() * 2, same + 1, same + 1.5, same + True

    x = torch.randn(2, 3)
    traced = trace(function, x)
    work = [node for node in traced.graph.nodes if node.op == "call_function"]
    assert sum(node.target is torch.exp for node in work) == 1
    assert len(work) == 6
    for found, expected in zip(traced(x), function(x), strict=True):
        assert torch.equal(found, expected)


def test_a_part_that_is_all_of_it_is_not_copied():
    def function(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        value, pull_back = torch.func.vjp(lambda y: y.narrow(0, 0, 2).narrow(1, 1, 2), x)
        return value, *pull_back(value)

    x = torch.randn(2, 3)
    traced = trace(function, x)
    names = [node.name for node in traced.graph.nodes if node.op == "call_function"]
    assert len(names) == 2  # there and back along the axis that is cut
    for found, expected in zip(traced(x), function(x), strict=True):
        assert torch.equal(found, expected)


def test_functions_that_write_in_place_are_left_as_they_are():
    def function(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        y = x.clone()
        before = y + 0.0
        y.mul_(2)
        return before, y + 0.0

    x = torch.randn(3)
    traced = trace(function, x)
    for found, expected in zip(traced(x), function(x), strict=True):
        assert torch.equal(found, expected)


def test_the_shapes_of_all_results_are_followed_in_one_mode(monkeypatch: pytest.MonkeyPatch):
    """One for each of them, which notes the whole stack, was most of the time of a short training."""
    made = []
    begin = FakeTensorMode.__init__
    monkeypatch.setattr(FakeTensorMode, "__init__", lambda self, **given: made.append(1) or begin(self, **given))
    traced = trace(lambda x: (torch.tanh(x) @ x.T + 1.0,), torch.ones(3, 2))
    assert len(traced.graph.nodes) > 4
    assert len(made) == 1


def _turned(w: torch.Tensor, b: torch.Tensor, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    # a view of w that a product reads, a reshape of it that takes a copy, and results that are only views
    return x @ w.T + b.unsqueeze(0), w.T.reshape(-1) * 2, w.T, torch.tanh(w).T @ w


def test_held_arguments_change_in_place_and_are_seen_with_the_same_bits():
    w, b, x = torch.randn(4, 3), torch.randn(4), torch.randn(5, 3)
    traced = trace(_turned, w, b, x)
    held, more = traced.holding([w, b]), traced.holding([w])
    for _ in range(2):
        for found in (held(x), more(b, x)):
            for each, expected in zip(found, traced(w, b, x), strict=True):
                assert torch.equal(each, expected)
        w.mul_(-1.5)
        b.add_(1.0)


def test_views_of_held_arguments_are_not_made_again():
    w, b, x = torch.randn(4, 3), torch.randn(4), torch.randn(5, 3)
    traced = trace(_turned, w, b, x)
    split = Split.of(traced.graph.owning_module, [w, b])
    assert len(split.views) == 2  # w.T and b.unsqueeze(0), and not the copy nor what is made of tanh(w)
    left = [node for node in split.rest.graph.nodes if node.op == "call_function"]
    assert sum(node.target in VIEWS for node in left) == 2


def test_what_is_a_copy_with_other_strides_is_made_at_every_call():
    def function(w: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (w.reshape(-1) * 2,)

    held = trace(function, torch.randn(4, 3))
    w = torch.randn(3, 4).T
    assert torch.equal(held.holding([torch.ones(4, 3)])()[0], torch.full((12,), 2.0))
    other = held.holding([w])
    w.fill_(3.0)
    assert torch.equal(other()[0], torch.full((12,), 6.0))


def test_a_fault_with_held_arguments_is_told_as_without():
    traced = trace(lambda m: (torch.linalg.cholesky(m.mT),), torch.eye(2), purpose="trained")
    with pytest.raises(UserError, match="the network cannot be trained: _LinAlgError"), torch.inference_mode():
        traced.holding([-torch.eye(2)])()
