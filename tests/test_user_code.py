"""The door to code of the user's own: what it raises becomes one line that says where; faults of ours do not."""

import pytest
import torch

from langevin_sgd import user_code
from langevin_sgd.errors import UserError
from langevin_sgd.landscapes.torch_callable import TorchCallable
from langevin_sgd.training import tracing
from langevin_sgd.training.tracing import trace


class _Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


def _raises(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("two\nlines"), "it failed: ValueError: two lines"),
        (KeyError("a"), "it failed: KeyError: 'a'"),
        (_Mute(), r"it failed: _Mute: \(its message cannot be shown: RuntimeError\)"),
        (SystemExit(3), "it failed: SystemExit: 3"),
        (MemoryError(), "it failed: MemoryError"),
        (RuntimeError("x" * 5000), "it failed: RuntimeError: x{297}\\.\\.\\."),
    ],
)
def test_what_it_raises_is_one_line_with_its_file_and_line(error, told):
    line = _raises.__code__.co_firstlineno + 1
    with pytest.raises(UserError, match=f"^{told} \\(.*test_user_code.py, line {line}\\)$") as caught:
        user_code.call("it failed", _raises, error)
    assert caught.value.__cause__ is error


def test_the_file_is_named_from_where_one_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text("def f():\n    return 1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    import mine

    with pytest.raises(UserError, match=r"ZeroDivisionError: division by zero \(mine\.py, line 2\)$"):
        user_code.call("it failed", mine.f)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), UserError("told already")])
def test_an_interrupt_and_what_is_told_already_pass(error):
    with pytest.raises(type(error)) as caught:
        user_code.call("it failed", _raises, error)
    assert caught.value is error


def test_what_torch_refuses_is_the_users_and_what_we_do_wrong_is_not(monkeypatch):
    x = torch.ones(3, dtype=torch.float64)

    def branches(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (x if x.sum() > 0 else -x,)

    with pytest.raises(UserError, match=r"^the network cannot be tried: RuntimeError: .*test_user_code\.py, line"):
        trace(branches, x, purpose="tried")

    def broken(graph: object) -> None:
        raise KeyError("a fault of ours")

    monkeypatch.setattr(tracing, "_shorten", broken)
    with pytest.raises(KeyError, match="a fault of ours"):
        trace(lambda x: (2 * x,), x)


def test_a_recorded_function_that_fails_later_is_told_of_the_network_only_if_it_fails_itself(monkeypatch):
    def solves(matrix: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (torch.linalg.cholesky(matrix),)

    replay = trace(solves, torch.eye(2), purpose="trained")
    assert torch.equal(replay(4 * torch.eye(2))[0], 2 * torch.eye(2))
    with pytest.raises(UserError, match="the network cannot be trained: _LinAlgError"), torch.inference_mode():
        replay(-torch.eye(2))

    def broken(*arguments: torch.Tensor) -> tuple[torch.Tensor, ...]:
        raise IndexError("a fault of ours")

    monkeypatch.setattr(replay, "_forward", broken)
    with pytest.raises(IndexError, match="a fault of ours"):
        replay(torch.eye(2))


@pytest.mark.parametrize("fault", ["raises", "no_vmap"])
def test_a_landscape_of_the_users_own(fault):
    def energy(w: torch.Tensor) -> torch.Tensor:
        if fault == "raises":
            raise ValueError("not here")
        return (w**2).sum() * float(w.sum() >= 0)

    if fault == "raises":
        with pytest.raises(UserError, match=r"the landscape's function failed: ValueError: not here \(.*, line \d+\)"):
            TorchCallable(energy, 2)
        return
    landscape = TorchCallable(energy, 2)
    for ask in (landscape.energy_at, landscape.gradient_at):
        with pytest.raises(UserError, match=r"^the landscape's function cannot be \w+ .*\): RuntimeError: .*, line"):
            ask(torch.zeros(2, 5))
