"""Find what a config names as "module:attribute".

A config that is run says which code is called. A finished run is somebody's, perhaps a stranger's: while one is read,
`only` those modules are imported that the reader names; what the process has imported already is used as it is.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import ModuleType
from typing import Any

from langevin_sgd import user_code
from langevin_sgd.errors import UserError
from langevin_sgd.settings_kept import settings_kept

_IMPORT_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)
_FOREIGN = frozenset(
    (
        *("langevin_sgd", "numpy", "scipy", "torch", "functorch", "xarray", "zarr", "h5netcdf", "h5py", "pydantic"),
        *("pydantic_core", "ruamel", "cyclopts", "rich", "sklearn", "joblib", "arviz_stats", "matplotlib"),
        *("threadpoolctl", "numba", "llvmlite", "sympy", "mpmath", "sdeint", "pandas", "arviz_base"),
        *("pip", "setuptools", "pkg_resources", "_distutils_hack", "wheel"),
    )
)
"""Packages that this one is made of or installed by: a config may call none of their functions."""

_ALLOWED: ContextVar[frozenset[str] | None] = ContextVar("allowed modules", default=None)


@contextmanager
def only(modules: Iterable[str] = ()) -> Iterator[None]:
    """Inside, import no module but these for the sake of a config; what is imported already needs no leave.

    Within another `only` its modules stay allowed.
    """
    token = _ALLOWED.set((_ALLOWED.get() or frozenset()) | frozenset(modules))
    try:
        yield
    finally:
        _ALLOWED.reset(token)


def reading() -> bool:
    """Whether a finished run is read, so that its config may not have everything imported."""
    return _ALLOWED.get() is not None


def is_import_path(text: str) -> bool:
    """Whether `text` reads as `module:attribute`; nothing is imported."""
    return _IMPORT_PATH.fullmatch(text) is not None


def foreign(path: str) -> str:
    """Why a module, "module:attribute" too, is no code of the user's own; empty if it may be."""
    package = path.partition(":")[0].partition(".")[0]
    if package in sys.stdlib_module_names:
        return f"{package} is a module of Python itself; name a function in a module of your own"
    if package in _FOREIGN:
        return f"{package} is part of what runs the study; name a function in a module of your own"
    return ""


def load(path: str) -> Callable[..., Any]:
    """The function or class named "module:attribute", where modules in the working directory are found too.

    Raises `UserError` if there is no such module or attribute, if importing it fails, and if what is named is not
    defined in that very module: a config calls code that was written to be called, not what a module happens to import.
    """
    module, found = named(path)
    if not callable(found):
        raise UserError(f"{path}: is {type(found).__name__}; a function or class that can be called is needed")
    refuse_borrowed(found, module, path)
    function: Callable[..., Any] = found
    return function


def named(path: str) -> tuple[ModuleType, Any]:
    """The module of "module:attribute" and what the attribute is. Raises `UserError` as `load` does."""
    if reason := foreign(path):
        raise UserError(f"{path}: {reason}")
    module_name, _, attribute = path.partition(":")
    allowed = _ALLOWED.get()
    if allowed is not None and module_name not in sys.modules and module_name not in allowed:
        raise NotImported(
            f"{path}: is code that this run names, and reading a run imports none by itself; if you trust "
            f"{module_name}, allow it with --import {module_name}; in Python, import {module_name} before"
        )
    here = os.getcwd()
    added = here not in sys.path
    if added:
        sys.path.insert(0, here)
    try:
        with settings_kept():
            found = module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and (module_name == error.name or module_name.startswith(f"{error.name}.")):
            raise UserError(f"{path}: no module named {error.name}, neither installed nor in {here}") from error
        raise UserError(f"{path}: importing {module_name} failed: {user_code.told(error)}") from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a module may also call sys.exit
        raise UserError(f"{path}: importing {module_name} failed: {user_code.told(error)}") from error
    finally:
        if added:
            sys.path.remove(here)
    for name in attribute.split("."):
        if not user_code.call(f"{path}: looking for {name} failed", hasattr, found, name):
            close = difflib.get_close_matches(name, dir(found), n=1)
            raise UserError(
                f"{path}: {module_name} has no {name}" + (f"; did you mean {module_name}:{close[0]}?" if close else "")
            )
        found = getattr(found, name)
    return module, found


class NotImported(UserError):
    """Code that a run names and that reading it may not import."""


def refuse_borrowed(found: Callable[..., Any], module: ModuleType, path: str) -> None:
    """Raise `UserError` if a function or class is not defined in that very module."""
    home = getattr(found, "__module__", None) or "builtins"
    # a module made in memory holds what was put there
    borrowed = home != module.__name__ if getattr(module, "__file__", None) else home in sys.stdlib_module_names
    if borrowed or home.partition(".")[0] == "langevin_sgd":
        known = getattr(found, "__qualname__", None) and not foreign(home)
        mend = f'name "{home}:{found.__qualname__}"' if known else "write a function there that calls it"
        raise UserError(f"{path}: is not defined in {module.__name__} but in {home}; {mend}")


def call(function: Callable[..., Any], path: str, given: Mapping[str, Any], offered: Mapping[str, Any]) -> Any:
    """`function(**given)`, with those of `offered` that it takes. Raises `UserError` with the reason if it fails."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # not known for every callable
        parameters = {}  # type: ignore[assignment]
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    taken = {name: value for name, value in offered.items() if takes_any or name in parameters}
    shown = ", ".join(f"{name}={value!r}" for name, value in {**given, **taken}.items())
    missing = [name for name, parameter in parameters.items() if _is_required(parameter) and name not in given]
    if missing := [name for name in missing if name not in taken]:
        names = " and ".join(f"{name}=" for name in offered)
        mend = "give it arguments in the config" + (f"; {names} it has by parameters of these names" if offered else "")
        raise UserError(f"{path}: cannot be called, with nothing for {', '.join(missing)}; {mend}")
    return user_code.call(f"{path}({shown}) failed", function, **given, **taken)


def _is_required(parameter: inspect.Parameter) -> bool:
    variadic = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    return not variadic and parameter.default is parameter.empty
