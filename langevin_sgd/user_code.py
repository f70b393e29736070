"""The one door through which code of the user's own is called: what it raises becomes one line that says where.

A network, a data set or a landscape may be any Python, and any Python may raise. `call` is for a direct call: whatever
leaves it is the callee's. `transforming` is for a function of ours around the user's that torch takes apart and
differentiates: there torch objects to what the user's function does, outside of its frames, while an exception whose
innermost frame is ours is a fault of ours and stays what it is.
"""

from __future__ import annotations

import os
import sysconfig
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

from langevin_sgd.errors import LeftOut, UserError
from langevin_sgd.settings_kept import settings_kept

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

_LONGEST = 300  # characters of a message that are shown: torch's may fill pages
_RECURRENT = (
    "torch cannot vectorise nn.LSTM, nn.GRU and nn.RNN; write a loop over the time steps in forward, with nn.LSTMCell, "
    "nn.GRUCell or nn.RNNCell"
)
_BRANCHING = "write torch.where for if, and leave numbers in tensors, without .item()"
_MENDS = {
    "aten::lstm": _RECURRENT,
    "aten::gru": _RECURRENT,
    "aten::rnn": _RECURRENT,
    "rnn_layer": _RECURRENT,
    "aten::stack() Expected a value of type": _RECURRENT,  # the record of a recurrent layer
    "calling .item() on a Tensor": _BRANCHING,
    "data-dependent": _BRANCHING,
    "that doesn't have storage": "compute with torch alone, without numpy",
    "DataParallel": "give the module itself, without DataParallel: replicas are shared out already",
    "Jitted": "give the module itself, without torch.jit: it is traced already",
    "out of memory": "take fewer replicas, or smaller minibatches",
    "saved tensor hooks": "leave out torch.utils.checkpoint and other hooks on saved tensors",
}
"""What to do about what torch says, by words of it."""

_OURS = str(Path(__file__).parent) + os.sep
_INSTALLED = tuple(
    {str(Path(path)) + os.sep for name, path in sysconfig.get_paths().items() if name in ("purelib", "platlib")}
)
_STANDARD_LIBRARY = str(Path(sysconfig.get_path("stdlib"))) + os.sep


def call(
    failure: str, function: Callable[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Result:
    """`function(*args, **kwargs)`, code of the user's own; `failure` says in a message that it failed.

    Raises `UserError` with the exception's type and message and the user's file and line if it raises anything but
    KeyboardInterrupt: `sys.exit` too must not end a study without a word. Settings of the process that it changes are
    put back (`settings_kept`).
    """
    with settings_kept():
        return call_at_every_step(failure, function, *args, **kwargs)


def call_at_every_step(
    failure: str, function: Callable[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Result:
    """The same without looking at settings, which would take longer than the plain arithmetic that is called so."""
    try:
        return function(*args, **kwargs)
    except (UserError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise UserCodeError(f"{failure}: {told(error)}") from error


class UserCodeError(UserError):
    """Code of the user's own raised; its exception is the cause."""


def raised(error: BaseException | None) -> bool:
    """Whether it comes from what code of the user's own raised, and may be gone when that is mended."""
    return error is not None and (isinstance(error, UserCodeError) or raised(error.__cause__))


def left_out(fault: UserError) -> None:
    """Warn of what is left out because of a fault of the user's code."""
    warnings.warn(fault.render(), LeftOut, stacklevel=3)


@contextmanager
def transforming(refused: str) -> Iterator[None]:
    """Around torch's transforms of a function that calls the user's; `refused` says what cannot be done with it.

    Raises `UserError` for what torch raises, with what to do about it where that is known. Passes on what our own code
    raises. That torch evaluates an operation one by one, for lack of a batching rule, is no word to the user.
    """
    import torch

    functorch: Any = torch._C._functorch  # the only place of the switch that torch's own warning names
    functorch._set_vmap_fallback_warning_enabled(False)
    try:
        yield
    except UserCodeError as error:
        cause = error.__cause__ or error
        raise UserCodeError(f"{refused}: {told(cause)}{_mend(cause)}") from error.__cause__
    except UserError:
        raise
    except Exception as error:
        if _innermost(error.__traceback__).startswith(_OURS):
            raise
        raise UserCodeError(f"{refused}: {told(error)}{_mend(error)}") from error
    finally:
        functorch._set_vmap_fallback_warning_enabled(True)


def _mend(error: BaseException) -> str:
    """What to write instead, for what torch cannot transform: no frame of the user's tells it."""
    message = str(error)
    return next((f"; {mend}" for sign, mend in _MENDS.items() if sign in message), "")


def told(error: BaseException) -> str:
    """Type and message in one line, and the file and line of the user's that it came from, if it came from one."""
    try:
        message = " ".join(str(error).split())
    except Exception as fault:  # the exception's class may be the user's own too
        message = f"(its message cannot be shown: {type(fault).__name__})"
    if len(message) > _LONGEST:
        message = message[: _LONGEST - 3] + "..."
    place = _place(error.__traceback__)
    return ": ".join(filter(None, (type(error).__name__, message))) + (f" ({place})" if place else "")


def _files(traceback: TracebackType | None) -> Iterator[tuple[str, int]]:
    """File and line of every frame, outermost first."""
    while traceback is not None:
        yield traceback.tb_frame.f_code.co_filename, traceback.tb_lineno
        traceback = traceback.tb_next


def _innermost(traceback: TracebackType | None) -> str:
    files = list(_files(traceback))
    return files[-1][0] if files else ""


def _place(traceback: TracebackType | None) -> str | None:
    """ "file, line n" of the innermost frame that is neither ours nor of an installed package; None without one."""
    for file, line in reversed(list(_files(traceback))):
        if file.startswith(("<", _OURS, _STANDARD_LIBRARY, *_INSTALLED)):
            continue
        here = Path.cwd()
        shown = Path(file).relative_to(here) if Path(file).is_relative_to(here) else file
        return f"{shown}, line {line}"
    return None
