"""Keys that architectures of layers have in common: what stands between the layers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from langevin_sgd.config.errors import Faults, inconsistent
from langevin_sgd.config.fields import PositiveWholeNumber, WholeNumber
from langevin_sgd.training.architectures.section import ArchitectureSection

Activation = Literal["tanh", "relu", "gelu", "silu", "softplus", "elu", "sigmoid", "identity"]
Normalisation = Literal["none", "layer", "group", "batch", "ghost"]


class LayeredSection(ArchitectureSection):
    """The base of architectures with a nonlinearity, and if asked for a normalisation, behind each of their layers.

    A normalisation takes mean and variance of the numbers it is given, z -> gain (z - mean) / sqrt(variance + 1e-5)
    + bias, with a gain and a bias to be trained for each unit or channel. `layer` and `group` take them over the units
    of a sample, so that samples stay apart. `batch` and `ghost` take them over the samples of a minibatch: its loss is
    then no longer a sum over samples but a function of the minibatch,

        L(w; n_1 ... n_B) = (1/B) sum_b l(f(w, x_b; mean and variance over n_1 ... n_B), y_b),

    whose expectation over minibatches the descent follows, and which depends on B. There is no C of one sample then,
    and no H of a sum over samples: what needs them is refused. Energy and accuracy are recorded as the mean of that
    loss over blocks of 256 samples in the order of the set.
    """

    activation: Activation = "tanh"
    """Nonlinearity behind each layer but the last."""
    normalisation: Normalisation = "none"
    """What stands before the nonlinearity: none; layer or group (over the units of a sample); batch or ghost (over the
    samples of a minibatch, or of groups of `ghost_batch` of them: Hoffer, Hubara and Soudry 2017). With batch or ghost
    the loss of a minibatch is a function of all its samples together and no sum over them, so that it has no H and no
    C; energy and accuracy are recorded over blocks of 256 samples, each normalised by itself."""
    groups: Annotated[WholeNumber, Field(ge=2, le=2**20)] = 4
    """Of normalisation: group, into how many groups the units or channels of a layer are cut."""
    ghost_batch: Annotated[WholeNumber, Field(ge=2, le=2**20)] = 16
    """Of normalisation: ghost, how many samples of a minibatch are normalised together; what is left over goes to the
    last of them, and a smaller minibatch is one."""

    def mixes_samples(self) -> bool:
        """With batch statistics."""
        return self.normalisation in ("batch", "ghost")

    def normalised(self) -> tuple[int, ...]:
        """Units or channels of each layer that is normalised."""
        raise NotImplementedError

    def normalisation_parameters(self) -> int:
        """Gains and biases."""
        return 0 if self.normalisation == "none" else 2 * sum(self.normalised())

    @model_validator(mode="after")
    def _fits(self) -> Self:
        faults = list(self._faults())
        if faults:
            raise inconsistent(faults)
        return self

    def _faults(self) -> Faults:
        for key, kind in (("groups", "group"), ("ghost_batch", "ghost")):
            if getattr(self, key) != type(self).model_fields[key].default and self.normalisation != kind:
                yield (key,), f"belongs to normalisation: {kind}, and here it is {self.normalisation}; remove it"
        if self.normalisation == "group" and (width := _undivided(self.normalised(), self.groups)) is not None:
            yield ("groups",), f"{self.groups} groups do not divide a layer of {width}; give a divisor of every layer's"


def _undivided(widths: Iterable[PositiveWholeNumber], groups: int) -> int | None:
    return next((width for width in widths if width % groups), None)
