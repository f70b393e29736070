"""What is kept of tensors that training goes on to change in place."""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor


def snapshot(tensor: Tensor, dtype: torch.dtype | None = None) -> NDArray[Any]:
    """The tensor's numbers as they are now, in `dtype` or its own: always a copy.

    `Tensor.numpy()` shares its memory with a tensor on the CPU, and `Tensor.to` returns the tensor itself if there is
    nothing to convert. Whether the two together copy so depends on precision and device, and what shares its memory
    with weights changes with the next step.
    """
    array: NDArray[Any] = tensor.detach().to(dtype=tensor.dtype if dtype is None else dtype, copy=True).cpu().numpy()
    return array
