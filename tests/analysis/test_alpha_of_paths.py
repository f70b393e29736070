"""The script analysis/07_alpha_of_paths.py: its training against autograd, its choices on paths of known alpha."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

SCRIPT = Path(__file__).parents[2] / "analysis" / "07_alpha_of_paths.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("alpha_of_paths", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def split(flat: torch.Tensor) -> list[torch.Tensor]:
    w, b, v, c = flat.split([64 * 32, 32, 320, 10])
    return [w.view(64, 32), b, v.view(32, 10), c]


@pytest.mark.parametrize("indices", [None, [[3, 3, 1400, 5], [7, 8, 9, 10]]])
def test_a_step_is_that_of_autograd(script, indices) -> None:
    networks = script.Perceptrons(start=3, paths=1 if indices is None else 2)
    before = torch.from_numpy(networks.positions()).requires_grad_()
    x, y = networks.inputs.double(), networks.labels
    energies = networks.energies()
    networks.step(None if indices is None else torch.tensor(indices))
    for path, moved in enumerate(networks.positions()):
        flat = before[path]
        chosen = slice(None) if indices is None else indices[path]

        def loss(flat, chosen):
            w, b, v, c = split(flat)
            return torch.nn.functional.cross_entropy(torch.tanh(x[chosen] @ w + b) @ v + c, y[chosen])

        assert energies[path] == pytest.approx(loss(flat, slice(None)).item(), abs=1e-6)
        (slope,) = torch.autograd.grad(loss(flat, chosen), flat)
        np.testing.assert_allclose(moved, (flat - 0.1 * slope).detach().numpy(), atol=1e-7)


def straight(script, power: float, *, paths: int = 1):
    """Along lines of length 22, at a speed that falls, E = s^power."""
    steps = script.recorded(4000)
    s = 22.0 * np.sqrt(steps / steps[-1])
    directions = np.eye(5)[:paths]
    return script.Paths(steps, s[None, :, None] * directions[:, None], np.tile(s**power, (paths, 1)))


def test_a_mere_slope_has_alpha_two_by_every_choice(script) -> None:
    paths = straight(script, 1.0, paths=3)
    descent = straight(script, 1.0)
    for name, choice in script.CHOICES.items():
        assert choice(paths, descent) == pytest.approx(2.0, abs=0.06), name  # bins of few pairs: their mean square


def test_pairs_with_the_start_show_the_power_itself_and_lengths_are_those_of_the_descent(script) -> None:
    paths, descent = straight(script, 0.5, paths=2), straight(script, 1.0)
    assert script.CHOICES["pairs with the start alone"](paths, descent) == pytest.approx(1.0, abs=1e-9)
    by_length = "pairs count by length, 129 times"
    resting = script.Paths(descent.steps, np.zeros_like(descent.positions), descent.energies)
    assert np.isfinite(script.CHOICES[by_length](paths, descent))
    assert np.isnan(script.CHOICES[by_length](paths, resting))


def test_the_table_has_the_descent_and_what_the_others_have_more(script, monkeypatch) -> None:
    def trained(start, batch_size, replicas, steps):
        return straight(script, 1.0 if batch_size == script.DESCENT else 0.5, paths=replicas)

    monkeypatch.setattr(script, "trained", trained)
    rows = {row["choice"]: row for row in script.table([1, 2], 2, 4000)}
    assert set(rows) == set(script.CHOICES)
    row = rows["pairs with the start alone"]
    assert row["descent"] == pytest.approx((2.0, 0.0), abs=1e-9)
    assert row["B = 4"] == row["B = 16"] == row["B = 128"] == pytest.approx([-1.0, 0.0], abs=1e-9)
