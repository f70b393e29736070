import numpy as np
import pytest
import torch
from torch import nn

from langevin_sgd.errors import UserError
from langevin_sgd.training.initial import build_with_seed, weights
from langevin_sgd.training.network import Network


def _flatten(module: nn.Module) -> torch.Tensor:
    return Network.of(module, dtype=torch.float64).weights()


def test_linear_layers_start_uniform_in_one_over_root_fan_in():
    drawn = weights(lambda: nn.Linear(50, 400), _flatten, 7, range(2))[1].numpy()
    bound = 1 / np.sqrt(50)
    assert np.abs(drawn).max() < bound
    # variance of a uniform distribution, bound^2/3, relative standard error sqrt(0.8/n); 4 of them, 1 in 16,000
    assert abs(drawn.var() / (bound**2 / 3) - 1) < 4 * np.sqrt(0.8 / drawn.size)
    assert abs(drawn.mean()) < 4 * bound / np.sqrt(3 * drawn.size)
    assert np.abs(drawn).max() > bound * (1 - 10 / drawn.size)


def test_torch_itself_would_have_drawn_from_the_same_distribution():
    torch.manual_seed(0)
    with torch.random.fork_rng():
        theirs = nn.Linear(50, 400).weight.detach().flatten().numpy()
    ours = build_with_seed(lambda: nn.Linear(50, 400), 1, 0).weight.detach().flatten().numpy()
    quantiles = np.linspace(0.05, 0.95, 19)
    # the density is 1/(2 bound), so the quantiles have standard errors of at most 2 bound sqrt(0.25/n) each
    error = 2 / np.sqrt(50) * np.sqrt(0.25 / ours.size) * np.sqrt(2)
    assert np.all(np.abs(np.quantile(ours, quantiles) - np.quantile(theirs, quantiles)) < 4 * error)


def test_replicas_and_seeds_differ_and_repeat_whatever_torch_is_doing():
    def build() -> nn.Module:
        return nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))

    torch.manual_seed(5)
    some = weights(build, _flatten, 1, range(4))
    torch.manual_seed(6)
    state = torch.get_rng_state()
    assert torch.equal(weights(build, _flatten, 1, [2])[0], some[2])
    assert torch.equal(torch.get_rng_state(), state)
    assert len({tuple(row.tolist()) for row in some}) == 4
    assert not torch.equal(weights(build, _flatten, 2, [2])[0], some[2])


class _Own(nn.Module):
    """Draws with everything that is covered."""

    def __init__(self) -> None:
        super().__init__()
        self.normal = nn.Parameter(torch.randn(200, 50))
        self.like = nn.Parameter(torch.randn_like(self.normal) * 3 + 1)
        self.uniform = nn.Parameter(torch.rand(10_000))
        self.truncated = nn.Parameter(nn.init.trunc_normal_(torch.empty(10_000)))
        self.orthogonal = nn.Parameter(nn.init.orthogonal_(torch.empty(8, 8)))
        self.kaiming = nn.Parameter(nn.init.kaiming_normal_(torch.empty(200, 50)))
        self.order = torch.randperm(20)
        self.dice = torch.randint(1, 7, (10_000,))


def test_a_modules_own_draws_are_taken_from_the_same_generator():
    own, again = (build_with_seed(_Own, 3, 1) for _ in range(2))
    for (_, a), (_, b) in zip(own.named_parameters(), again.named_parameters(), strict=True):
        assert torch.equal(a, b)
    for name, mean, std in [
        ("normal", 0, 1),
        ("like", 1, 3),
        ("uniform", 0.5, 12**-0.5),
        ("kaiming", 0, (2 / 50) ** 0.5),
    ]:
        values = getattr(own, name).detach()
        assert abs(values.mean() - mean) < 4.5 * std / 100
        assert abs(values.std() / std - 1) < 4.5 / np.sqrt(2e4)
    assert own.truncated.abs().max() <= 2
    identity = own.orthogonal @ own.orthogonal.T
    torch.testing.assert_close(identity, torch.eye(8), atol=1e-5, rtol=0)
    assert own.order.sort().values.tolist() == list(range(20))
    assert set(own.dice.tolist()) == set(range(1, 7))


def test_other_draws_are_refused():
    with pytest.raises(UserError, match=r"aten\.bernoulli"):
        build_with_seed(lambda: nn.Linear(3, 2).requires_grad_(bool(torch.bernoulli(torch.tensor(0.5)))), 1, 0)
