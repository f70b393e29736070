"""The public names of `langevin_sgd.training`: each is there, documented, and imported when it is first used."""

import inspect
import subprocess
import sys

import pytest

from langevin_sgd import training


@pytest.mark.parametrize("name", training.__all__)
def test_every_name_is_there_and_documented(name: str) -> None:
    found = getattr(training, name)
    assert inspect.isclass(found) or inspect.isfunction(found)
    assert inspect.getdoc(found)


def test_an_unknown_name_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Ensembel'"):
        _ = training.Ensembel


def test_the_door_itself_is_light() -> None:
    code = "import sys, langevin_sgd.training; print([m for m in ('numpy', 'torch', 'xarray') if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
