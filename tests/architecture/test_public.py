"""What is public says what it is: every name, function, class and method of the doors has a docstring."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest

import langevin_sgd as lsgd


def _public(module: Any) -> Iterator[tuple[str, Any]]:
    """Functions and classes that a module defines, and the functions of these classes, by their dotted names."""
    for name, found in vars(module).items():
        if name.startswith("_") or getattr(found, "__module__", None) != module.__name__:
            continue
        if inspect.isfunction(found):
            yield f"{module.__name__}.{name}", found
        elif inspect.isclass(found):
            yield f"{module.__name__}.{name}", found
            fields = getattr(found, "__dataclass_fields__", {})  # told in the docstring of the class
            for own, member in vars(found).items():
                if own in fields:
                    continue
                function = getattr(member, "fget", None) or getattr(member, "func", None) or member
                if not own.startswith("_") and inspect.isfunction(function):
                    yield f"{module.__name__}.{name}.{own}", function


@pytest.mark.parametrize("package", ["theory", "estimators", "laws"])
def test_public_packages_are_documented(package: str) -> None:
    """Modules that are not listed are looked at too: what they define is seen by those who read the code."""
    whole = getattr(lsgd, package)
    modules = [importlib.import_module(f"{whole.__name__}.{one.name}") for one in pkgutil.iter_modules(whole.__path__)]
    bare = [name for module in modules for name, found in _public(module) if not inspect.getdoc(found)]
    assert bare == []
    assert all(module.__doc__ for module in modules)


def test_public_names_are_there_and_documented() -> None:
    for name in lsgd.__all__:
        found = getattr(lsgd, name)
        assert name == "__version__" or inspect.getdoc(found), name


@pytest.mark.parametrize("package", ["theory", "estimators"])
def test_a_package_lists_its_modules(package: str) -> None:
    whole = getattr(lsgd, package)
    assert dir(whole) == sorted(whole.__all__)
    for name in whole.__all__:
        assert inspect.ismodule(getattr(whole, name))
        assert name in whole.__doc__
    with pytest.raises(AttributeError, match="has no attribute 'ornstein'"):
        _ = whole.ornstein
