"""Memory that runs out: one line that says where and what to reduce, whichever library noticed it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from langevin_sgd.errors import UserError

_NO_MEMORY = 2  # the code of CUDA_ERROR_OUT_OF_MEMORY, of the driver's interface


class OutOfMemory(UserError):
    """A run that does not fit into the memory of its device, or of the machine."""


@contextmanager
def told(device: str, mend: str) -> Iterator[None]:
    """Around what takes memory of a device, or for `cpu` of the machine: raises `OutOfMemory` if it runs out."""
    try:
        yield
    except Exception as error:
        if not ran_out(error):
            raise
        where = f"the memory of {device}" if device.startswith("cuda") else "the memory of the machine"
        raise OutOfMemory(f"{where} ran out; {mend}") from error


def ran_out(error: BaseException) -> bool:
    """Whether an exception says that memory ran out: Python's and numpy's own, torch's, or the CUDA driver's.

    torch and numba are told by name, so that neither is imported to ask.
    """
    name = type(error).__name__
    if isinstance(error, MemoryError) or name == "OutOfMemoryError":
        return True
    code = getattr(error, "code", None)
    said = "CUDA_ERROR_OUT_OF_MEMORY" in str(error)
    return name == "CudaAPIError" and (said or (isinstance(code, int) and int(code) == _NO_MEMORY))
