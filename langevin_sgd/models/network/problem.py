"""What a network model trains on: its data and its network, on the device that trains it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from langevin_sgd import user_code
from langevin_sgd.config.errors import FaultWithin, at_key
from langevin_sgd.errors import UserError
from langevin_sgd.models.network.config import NetworkModel
from langevin_sgd.training import gradient_check, initial
from langevin_sgd.training.architectures import checking as architectures
from langevin_sgd.training.architectures.images import as_taken
from langevin_sgd.training.data import loading as data
from langevin_sgd.training.data.augmented import Augmented
from langevin_sgd.training.data.section import Supply
from langevin_sgd.training.energy import Samples
from langevin_sgd.training.losses import checking as losses
from langevin_sgd.training.losses.loss import Loss
from langevin_sgd.training.network import Network


@dataclass(frozen=True)
class Problem:
    """The data and the network on the device that trains it; inputs and real targets in float64.

    `ignorance` is the mean loss of who knows nothing; `apart` says whether the loss is a sum over samples. `supply` is
    what draws minibatches, where they are not chosen among the training samples.
    """

    module: torch.nn.Module
    train: Samples
    test: Samples | None
    loss: Loss
    ignorance: float
    start: Tensor
    apart: bool
    device: str
    name: str
    supply: Supply | None = None

    @property
    def has_accuracy(self) -> bool:
        """Whether answers are correct or not."""
        return self.loss.counts_correct(self.train.labels)

    def refuse_batch(self, size: int) -> None:
        """Raise `FaultWithin` for a minibatch larger than the training set."""
        if size > len(self.train):
            raise FaultWithin(
                ("sgd", "batch_size"),
                f"{size} is more than the {len(self.train)} training samples of {self.name}; reduce it",
            )

    def network(self, dtype: torch.dtype) -> Network:
        """The network in the given arithmetic."""
        return Network.of(self.module, dtype=dtype, device=self.device)


def refuse_other_targets(train: Samples, test: Samples, outputs: int, *, name: str, loss: str) -> None:
    """Raise `UserError` for real targets of a test set that are neither like those of training nor like the outputs."""
    ours, theirs = ((*part.labels.shape, 1)[1] for part in (train, test))
    if theirs not in (ours, outputs):
        raise UserError(
            f"{name}: targets of the test set are {theirs} numbers, those of training {ours}, and loss {loss} asks for "
            f"{outputs} outputs; give a loss, or data, of which one of these is the other"
        )


def prepare(model: NetworkModel, *, seed: int, device: str, refuse_size: Callable[[int], None]) -> Problem:
    """Load the data and build the network. Raises `UserError` for data or an architecture that will not do.

    `refuse_size` is called with the number of weights as soon as that is known, which for an architecture of ours is
    when the data are, and for a module of the user's own when one is built; it raises if they will not fit into memory.
    """
    with at_key("data"):
        loaded = data.load(model.data, seed)
    with at_key("loss"):
        loss = losses.build(model.loss, loaded)
        outputs = loss.outputs(loaded.outputs)
    with at_key("architecture"):
        train_inputs = as_taken(model.architecture, loaded.train_inputs, model.data)
        input_shape = train_inputs.shape[1:]
        known = user_code.call(
            f"architecture {model.architecture.kind}: its number of parameters cannot be told",
            model.architecture.parameters,
            input_shape,
            outputs,
        )
    if known is not None:
        refuse_size(known)

    def samples(inputs: NDArray[Any], labels: NDArray[Any]) -> Samples:
        return Samples.of(inputs, labels, dtype=torch.float64, device=device)

    train = samples(train_inputs, loaded.train_labels)

    def build() -> torch.nn.Module:
        return architectures.built_for(model.architecture, train, loss, outputs)

    with at_key("architecture"):
        module = initial.build_with_seed(build, seed, 0)
    refuse_size(initial.size_of(module))
    test = None
    if loaded.test_inputs is not None and loaded.test_labels is not None and len(loaded.test_labels) > 0:
        with at_key("architecture"):
            test_inputs = as_taken(model.architecture, loaded.test_inputs, model.data)
        test = samples(test_inputs, loaded.test_labels)
        with at_key("data"):
            refuse_other_targets(train, test, outputs, name=loaded.name, loss=model.loss.kind)
    known_targets = train.labels if loaded.classes is None else torch.arange(loaded.classes)
    with at_key("architecture"):
        apart = _checked(model, module, train, test, outputs)
    with at_key("data"):
        supply = model.data.supply(seed)
        if model.data.augment is not None:
            arrays = train.inputs.cpu().numpy(), train.labels.cpu().numpy()
            supply = Augmented(model.data.augment, *arrays, model.data.image(), seed=seed)
    replicas = range(model.replicas if model.start == "independent" else 1)
    with at_key("architecture"):
        start = initial.weights(build, lambda built: Network.of(built, dtype=torch.float64).weights(), seed, replicas)
        initial.refuse_other_size(start, Network.of(module, dtype=torch.float64).size)
        initial.refuse_unrepeatable(module, build, seed)
    return Problem(
        module=module,
        train=train,
        test=test,
        loss=loss,
        ignorance=loss.ignorance(known_targets, outputs),
        start=start,
        apart=apart,
        device=device,
        name=loaded.name,
        supply=supply,
    )


def _checked(model: NetworkModel, module: torch.nn.Module, train: Samples, test: Samples | None, outputs: int) -> bool:
    """Whether the loss of a module is a sum over samples. Raises `UserError` for one that cannot be trained."""
    name = f"architecture {model.architecture.kind}"
    apart = True
    for part in filter(None, (train, test)):
        apart &= architectures.check(module, part.inputs.cpu(), outputs, name=name)
    needed = model.needs_samples_apart()
    architectures.refuse_mixed(apart, None if needed is None else needed[1], name=name)
    gradient_check.refuse_wrong_gradient(module, train.inputs, name=name)
    return apart
