"""What a loss computes: a function of the outputs and the target of one sample, and its derivatives by the outputs."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor


def one_hot(targets: Tensor, outputs: Tensor) -> Tensor:
    """Rows (n, k) like the outputs that are 1 at the target and 0 elsewhere."""
    classes = torch.arange(outputs.shape[1], device=targets.device)
    return (targets.unsqueeze(1) == classes).to(outputs.dtype)


class Loss:
    """The base of all losses: one of the user's own needs `values` alone, and all else follows from that.

    The arguments are outputs (n, k) of n samples and their targets, on any device and in any floating type: numbers of
    classes (n,), or real targets (n, t) in the type of the outputs, as the section's TARGETS says. The functions are
    traced under `torch.func` transforms: they must treat every sample by itself, and choose no operation by the values
    in their arguments, as torch's own `one_hot` does; use `one_hot` from here.
    """

    has_accuracy: bool = True
    """Whether `correct` means anything of classes; without it, and of real targets, no accuracy is recorded."""

    sees_shifts: ClassVar[bool] = True
    """Whether one number added to all outputs of a sample changes its loss; softmax and what is made of it do not."""

    def outputs(self, count: int) -> int:
        """How many outputs k a network needs for data of so many classes, or of so many real targets a sample."""
        return count

    def values(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The loss of each sample (n,)."""
        raise NotImplementedError

    def gradient(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The derivative of each sample's loss by its outputs (n, k); by automatic differentiation unless given."""
        values, pull_back = torch.func.vjp(lambda z: self.values(z, targets), outputs)[:2]
        (found,) = pull_back(torch.ones_like(values))
        result: Tensor = found
        return result

    def along(self, outputs: Tensor, direction: Tensor, targets: Tensor) -> Tensor:
        """The derivative of each sample's loss (n,) where its outputs change by `direction` (n, k)."""
        return (self.gradient(outputs, targets) * direction).sum(1)

    def correct(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """1 for each sample (n,) of a class that counts as correct, else 0: where its output alone is the largest."""
        true = outputs.gather(1, targets.unsqueeze(1)).squeeze(1)
        others = outputs.scatter(1, targets.unsqueeze(1), -torch.inf).amax(1)
        return (true > others).to(outputs.dtype)

    def counts_correct(self, targets: Tensor) -> bool:
        """Whether answers to such targets are correct or not, by `correct`."""
        return self.has_accuracy and not targets.is_floating_point()

    def ignorance(self, targets: Tensor, outputs: int) -> float:
        """The mean loss of who knows nothing: training that exceeds it and its start by far has diverged.

        That of `outputs` outputs of 0, unless a loss knows better. `targets` are each class once, or the real targets
        of the training set.
        """
        known = torch.zeros(len(targets), outputs, dtype=torch.float64, device=targets.device)
        return abs(float(self.values(known, targets).mean()))
