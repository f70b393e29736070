"""Losses: cross entropy against torch, and the user's own in one file: in simulate, in a scan, resumed, and broken."""

import numpy as np
import pytest
import torch
from torch import nn

import langevin_sgd as lsgd
from langevin_sgd.config.sgd import Sgd
from langevin_sgd.errors import UserError
from langevin_sgd.study import loading as config
from langevin_sgd.training.energy import Evaluator
from langevin_sgd.training.ensemble import Ensemble
from langevin_sgd.training.full_batch import FullBatch
from langevin_sgd.training.losses.cross_entropy.config import CrossEntropyLoss
from langevin_sgd.training.losses.cross_entropy.functions import CROSS_ENTROPY, CrossEntropy
from langevin_sgd.training.losses.loss import Loss, one_hot
from langevin_sgd.training.losses.mse.config import SquaredErrorLoss
from langevin_sgd.training.losses.mse.functions import SquaredError
from langevin_sgd.training.threads import Workers

FILE = '''\
import torch

from langevin_sgd.training.losses.loss import Loss, one_hot
from langevin_sgd.training.losses.section import LossSection


class SquaredLoss(LossSection):
    """Squared distance of the outputs from one-hot rows."""

    scale: float = 1.0

    def build(self):
        return Squared(self.scale)


class Squared(Loss):
    def __init__(self, scale):
        self.scale = scale

    def values(self, outputs, targets):
        return 0.5 * self.scale * ((outputs - one_hot(targets, outputs)) ** 2).sum(1)


class Blind(SquaredLoss):
    def build(self):
        made = Squared(self.scale)
        made.has_accuracy = False
        return made


class Raises(SquaredLoss):
    def build(self):
        return Raising(1.0)


class Raising(Squared):
    def values(self, outputs, targets):
        raise KeyError("margin")


class Mean(SquaredLoss):
    def build(self):
        return MeanOfAll(1.0)


class MeanOfAll(Squared):
    def values(self, outputs, targets):
        return super().values(outputs - outputs.mean(0), targets)


class Wrong(SquaredLoss):
    def build(self):
        return WrongGradient(1.0)


class WrongGradient(Squared):
    def gradient(self, outputs, targets):
        return 2 * super().gradient(outputs, targets)


class One(SquaredLoss):
    def build(self):
        return OneNumber(1.0)


class OneNumber(Squared):
    def values(self, outputs, targets):
        return super().values(outputs, targets).mean()


class Branches(SquaredLoss):
    def build(self):
        return Branching(1.0)


class Branching(Squared):
    def values(self, outputs, targets):
        rows = torch.nn.functional.one_hot(targets, outputs.shape[1])
        return ((outputs - rows) ** 2).sum(1)


class Nothing(SquaredLoss):
    def build(self):
        return None
'''


FUNCTIONS = """\
import torch
from torch.nn import functional


def smoothed(outputs, targets):
    return functional.cross_entropy(outputs, targets, reduction="none", label_smoothing=0.1)


def huber(outputs, targets):
    return functional.huber_loss(outputs, targets, reduction="none").sum(1)


def mixes(outputs, targets):
    return huber(outputs, targets) - huber(outputs, targets).mean()


def raises(outputs, targets):
    raise KeyError("delta")


def constant(outputs, targets):
    return outputs.new_ones(len(outputs)).float()


def turned(outputs, targets):
    return (outputs.sum(1) + 1j) ** 2


def nothing(outputs, targets):
    pass


number = 3
"""


@pytest.fixture
def functions(own_module) -> str:
    return own_module("my_functions", FUNCTIONS)


def test_a_plain_function_is_a_loss(functions: str) -> None:
    """Torch's own label smoothing trains as ours does, to rounding; a loss of real targets has no accuracy."""
    ours = lsgd.simulate(study({"kind": "cross_entropy", "label_smoothing": 0.1}, precision="float64"))["network"]
    theirs = lsgd.simulate(study({"kind": "function", "function": f"{functions}:smoothed"}, precision="float64"))
    np.testing.assert_allclose(theirs["network"].energy, ours.energy, rtol=1e-10)
    assert np.array_equal(theirs["network"].train_accuracy, ours.train_accuracy)
    blind = {"kind": "function", "function": f"{functions}:smoothed", "accuracy": False}
    assert "train_accuracy" not in lsgd.simulate(study(blind))["network"]
    real = study({"kind": "function", "function": f"{functions}:huber"}, data={"name": "diabetes"})
    found = lsgd.simulate(real)["network"]
    assert (found.train_loss[:, -1] < found.train_loss[:, 0]).all()
    assert "train_accuracy" not in found


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("mixes", "loss my_functions:mixes: the loss of a sample depends on the others of its batch"),
        ("raises", "loss my_functions:raises: values failed: KeyError: 'delta' (my_functions.py, line "),
        ("constant", "loss my_functions:constant: values returns float32 for outputs in float64; make tensors of the"),
        ("turned", "loss my_functions:turned: values returns complex128 for outputs in float64; make tensors of the"),
        ("nothing", "loss my_functions:nothing: values returns NoneType for 3 samples; (3,) is needed"),
    ],
)
def test_a_function_that_is_no_loss_is_told_in_one_line(functions: str, name: str, told: str) -> None:
    chosen = study({"kind": "function", "function": f"{functions}:{name}"}, data={"name": "diabetes"})
    with pytest.raises(UserError) as refused:
        lsgd.simulate(chosen)
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


def test_what_is_no_function_is_told_before_the_study_begins(functions: str) -> None:
    with pytest.raises(UserError, match="my_functions:number: is int; a function or class"):
        lsgd.simulate(study({"kind": "function", "function": f"{functions}:number"}, data={"name": "diabetes"}))
    with pytest.raises(UserError, match=r"my_functions has no hubert; did you mean my_functions:huber"):
        lsgd.simulate(study({"kind": "function", "function": f"{functions}:hubert"}, data={"name": "diabetes"}))


@pytest.fixture
def module(own_module) -> str:
    return own_module("my_losses", FILE)


def study(loss: object, scan: dict | None = None, **more: object) -> dict:
    network = {
        "kind": "network", "data": {"name": "iris"}, "architecture": {"kind": "softmax"}, "replicas": 3, "steps": 40,
        "record_times": 4,
        "loss": loss, **more,
    }  # fmt: skip
    sgd = {"learning_rate": 0.1, "batch_size": 8, "weight_decay": 0.1}
    return {"name": "one", "seed": 1, "sgd": sgd, "models": {"network": network}, "scan": scan or {}}


def test_cross_entropy_in_closed_form_is_that_of_torch() -> None:
    generator = torch.Generator().manual_seed(0)
    outputs, direction = (torch.randn(7, 4, dtype=torch.float64, generator=generator) for _ in range(2))
    targets = torch.randint(0, 4, (7,), generator=generator)
    expected = nn.functional.cross_entropy(outputs, targets, reduction="none")
    torch.testing.assert_close(CROSS_ENTROPY.values(outputs, targets), expected, rtol=1e-13, atol=0)
    torch.testing.assert_close(
        CROSS_ENTROPY.gradient(outputs, targets), Loss.gradient(CROSS_ENTROPY, outputs, targets), rtol=1e-12, atol=1e-13
    )
    torch.testing.assert_close(
        CROSS_ENTROPY.along(outputs, direction, targets), Loss.along(CROSS_ENTROPY, outputs, direction, targets)
    )
    assert torch.equal(CROSS_ENTROPY.correct(outputs, targets), Loss.correct(CROSS_ENTROPY, outputs, targets))
    assert CROSS_ENTROPY.ignorance(torch.arange(4), 4) == pytest.approx(np.log(4), rel=1e-14)


CLOSED_FORMS = {
    "cross_entropy": CROSS_ENTROPY,
    "smoothed": CrossEntropy(CrossEntropyLoss(kind="cross_entropy", label_smoothing=0.3)),
    "mse": SquaredError(SquaredErrorLoss(kind="mse")),
    "mse of real targets": SquaredError(SquaredErrorLoss(kind="mse")),
}


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_closed_forms_are_the_derivatives_of_the_values(name: str) -> None:
    loss, generator = CLOSED_FORMS[name], torch.Generator().manual_seed(0)
    outputs, direction, real = (torch.randn(7, 4, dtype=torch.float64, generator=generator) for _ in range(3))
    targets = real if "real" in name else torch.randint(0, 4, (7,), generator=generator)
    found, along = loss.gradient(outputs, targets), loss.along(outputs, direction, targets)
    torch.testing.assert_close(found, Loss.gradient(loss, outputs, targets), rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(along, (found * direction).sum(1), rtol=1e-12, atol=1e-13)


def test_losses_are_those_of_torch() -> None:
    """Label smoothing by torch's definition; squared errors by k/2 times torch's mean over outputs."""
    generator = torch.Generator().manual_seed(0)
    outputs, real = (torch.randn(7, 4, dtype=torch.float64, generator=generator) for _ in range(2))
    targets = torch.randint(0, 4, (7,), generator=generator)
    smoothed = nn.functional.cross_entropy(outputs, targets, reduction="none", label_smoothing=0.3)
    torch.testing.assert_close(CLOSED_FORMS["smoothed"].values(outputs, targets), smoothed, rtol=1e-13, atol=0)
    mse = CLOSED_FORMS["mse"]
    torch.testing.assert_close(mse.values(outputs, real).mean(), 4 / 2 * nn.MSELoss()(outputs, real))
    rows = nn.functional.one_hot(targets, 4).to(torch.float64)
    torch.testing.assert_close(mse.values(outputs, targets).mean(), 4 / 2 * nn.MSELoss()(outputs, rows))
    assert mse.counts_correct(targets)
    assert not mse.counts_correct(real)
    assert mse.ignorance(real, 4) == pytest.approx(float((real**2).sum(1).mean()) / 2, rel=1e-13)


class _Squared(Loss):
    def values(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return ((outputs - one_hot(targets, outputs)) ** 2).sum(1)


def test_every_user_of_a_loss_asks_that_loss(make_network, samples) -> None:
    """One step of SGD, the energy, its gradient, a sample's gradient and H, against autograd of the squared error."""
    network, workers = make_network(nn.Linear(9, 4)), Workers(1)
    w = network.weights()

    def mean(point: torch.Tensor, index: slice = slice(None)) -> torch.Tensor:
        outputs = network.outputs(network.parameters(point), samples.inputs[index])
        return _Squared().values(outputs, samples.labels[index]).mean()

    gradient = torch.func.grad(mean)(w).numpy()
    full = FullBatch(network, samples, 0.0, workers, _Squared())
    found = full.energy_and_gradient(w.numpy())
    assert found.energy == pytest.approx(mean(w).item(), rel=1e-12)
    np.testing.assert_allclose(found.gradient, gradient, rtol=1e-10, atol=1e-13)
    h = torch.autograd.functional.hessian(mean, w).numpy()
    np.testing.assert_allclose(full.hessian_products(w.numpy(), np.eye(w.numel())), h, rtol=1e-9, atol=1e-12)
    rows: list[torch.Tensor] = []
    full.sample_gradients(w.numpy(), rows.append)
    np.testing.assert_allclose(torch.cat(rows)[3], torch.func.grad(mean)(w, slice(3, 4)), rtol=1e-10, atol=1e-13)
    assert Evaluator(network, samples, workers, _Squared())(w[None]).loss[0] == pytest.approx(mean(w).item(), rel=1e-12)

    class All:
        def block(self, step: int, at_most: int) -> np.ndarray:
            return np.arange(len(samples))[None, None]

    sgd = Sgd(learning_rate=0.1, batch_size=len(samples))
    made = Ensemble(network, samples, sgd, weights=w[None], dtype=torch.float64, workers=workers, loss=_Squared())
    made.advance(All(), 0, 1)
    np.testing.assert_allclose(made.weights[0], w.numpy() - 0.1 * gradient, rtol=1e-10, atol=1e-13)


def test_one_of_the_users_own_is_trained_with_and_scanned(module: str) -> None:
    found = lsgd.simulate(study({"kind": f"{module}:SquaredLoss", "scale": 0.5}))["network"]
    assert (found.train_loss[:, -1] < found.train_loss[:, 0]).all()
    twice = lsgd.simulate(study({"kind": f"{module}:SquaredLoss", "scale": 1.0}))["network"]
    np.testing.assert_allclose(twice.train_loss[:, 0], 2 * found.train_loss[:, 0], rtol=1e-12)
    scanned = lsgd.simulate(study(f"{module}:Blind", {"sgd.batch_size": [4, 8]}))["network"]
    assert "train_accuracy" not in scanned
    assert np.array_equal(scanned.train_loss.sel(batch_size=8), twice.train_loss)


def test_a_training_with_it_goes_on_after_an_interruption(module: str, stopped_and_resumed) -> None:
    chosen = study(f"{module}:SquaredLoss")
    whole = lsgd.simulate(chosen)["network"]
    assert np.array_equal(whole.energy, stopped_and_resumed(chosen, 3).energy)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Raises", "values failed: KeyError: 'margin' (my_losses.py, line "),
        ("Mean", "the loss of a sample depends on the others of its batch"),
        ("Wrong", "its derivative by the outputs is not that of its values"),
        ("One", "values returns () for 3 samples; (3,) is needed"),
        ("Branches", "it cannot be differentiated (for torch's one_hot use langevin_sgd.training.one_hot): "),
        ("Nothing", "built NoneType; a subclass of langevin_sgd.training.Loss is needed"),
    ],
)
def test_a_broken_one_is_told_in_one_line(module: str, name: str, told: str) -> None:
    with pytest.raises(UserError) as refused:
        lsgd.simulate(study(f"{module}:{name}"))
    assert f"loss {module}:{name}: {told}" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_misspelt_one_is_told_with_the_nearest(module: str) -> None:
    with pytest.raises(UserError, match=r"network.loss.*: unknown kind \"cross_entropi\"; did you mean \"cross_ent"):
        config.parse(study("cross_entropi"))
    with pytest.raises(UserError, match=r"network.loss: my_losses:SquareLoss: .* did you mean my_losses:SquaredLoss"):
        config.parse(study(f"{module}:SquareLoss"))
