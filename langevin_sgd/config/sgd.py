"""The parameters of stochastic gradient descent: shared by every model of a study, overridden where a model says so."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from langevin_sgd.config.fields import NonNegativeNumber, Number, PositiveNumber, PositiveWholeNumber, Section

Momentum = Annotated[Number, Field(ge=0, lt=1)]
Sampling = Literal["with_replacement", "epoch"]


class Sgd(Section):
    """Heavy-ball minibatch gradient descent, as torch.optim.SGD writes it.

    m <- momentum * m + g, w <- w - learning_rate * m, where g is the mean gradient of `batch_size` samples plus
    weight_decay * w.
    """

    learning_rate: PositiveNumber
    """eta, the step of the descent; time = eta * step."""
    batch_size: PositiveWholeNumber
    """B, samples per minibatch. Temperature T = eta sigma^2 / B."""
    momentum: Momentum = 0.0
    """mu in [0, 1). It raises the effective rate to eta / (1 - mu)."""
    weight_decay: NonNegativeNumber = 0.0
    """Adds (weight_decay / 2) |w|^2 to the loss, all parameters included."""
    sampling: Sampling = "with_replacement"
    """with_replacement: every minibatch drawn afresh. epoch: the training set reshuffled once an epoch and cut up."""


class SgdOverride(Section):
    """The part of the study's sgd that one model changes; what is left out stays as the study has it."""

    learning_rate: PositiveNumber | None = None
    """eta of this model."""
    batch_size: PositiveWholeNumber | None = None
    """B of this model."""
    momentum: Momentum | None = None
    """mu of this model."""
    weight_decay: NonNegativeNumber | None = None
    """Weight decay of this model."""
    sampling: Sampling | None = None
    """Sampling of this model."""

    def changed(self) -> tuple[str, ...]:
        """The names of the fields that this override sets."""
        return tuple(name for name in type(self).model_fields if getattr(self, name) is not None)


def overridden(sgd: Sgd, override: SgdOverride | None) -> Sgd:
    """`sgd` with the fields that `override` sets."""
    if override is None:
        return sgd
    return sgd.model_copy(update={name: getattr(override, name) for name in override.changed()})
