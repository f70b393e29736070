"""Data sets by entry point, a function or a section: trained on, resumed to the same bits, and a line where broken."""

from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

import langevin_sgd as lsgd
from langevin_sgd import families
from langevin_sgd.errors import UserError
from langevin_sgd.study import loading as config
from langevin_sgd.training.data import DATA

FILE = """\
import numpy as np

from langevin_sgd.training.data.dataset import DataSet
from langevin_sgd.training.data.section import DataSection, DataShape


def blobs(samples=90):
    rng = np.random.default_rng(0)
    labels = np.arange(samples) % 3
    return DataSet(rng.normal(size=(3, 4))[labels] + rng.normal(size=(samples, 4)), labels, classes=3)


class Blobs(DataSection):
    samples: int = 90

    def load(self):
        return blobs(self.samples)

    def shape(self):
        return DataShape(self.samples, 4, 3)


def broken():
    raise OSError("no such file")


not_callable = 3
"""


@pytest.fixture(autouse=True)
def module(own_module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    own_module("my_data", FILE)
    monkeypatch.syspath_prepend(str(tmp_path))
    names = {"blobs": "blobs", "sized_blobs": "Blobs", "not_callable": "not_callable"}
    own = [metadata.EntryPoint(name, f"my_data:{value}", "langevin_sgd.data") for name, value in names.items()]
    monkeypatch.setattr(families, "entry_points", lambda: metadata.EntryPoints(own))
    DATA.__dict__.pop("_table", None)
    yield
    DATA.__dict__.pop("_table", None)


def study(data: dict, scan: dict | None = None) -> dict:
    network = {
        "kind": "network", "architecture": {"kind": "softmax"}, "data": data, "replicas": 3, "steps": 40,
        "record_times": 4,
    }  # fmt: skip
    sgd = {"learning_rate": 0.1, "batch_size": 8}
    return {"name": "one", "seed": 1, "sgd": sgd, "models": {"network": network}, "scan": scan or {}}


def test_a_function_by_path_or_entry_point_and_a_section_give_the_same_data() -> None:
    energies = [
        lsgd.simulate(study(data))["network"].energy.values
        for data in ({"name": "my_data:blobs"}, {"name": "blobs"}, {"name": "sized_blobs", "samples": 90})
    ]
    assert np.array_equal(energies[0], energies[1])
    assert np.array_equal(energies[0], energies[2])
    other = lsgd.simulate(study({"name": "sized_blobs", "samples": 60}))["network"].energy.values
    assert not np.array_equal(energies[0], other)


def test_the_size_of_a_section_is_known_before_it_is_loaded() -> None:
    with pytest.raises(UserError, match="8 is more than the 5 training samples of network"):
        config.parse(study({"name": "sized_blobs", "samples": 6}))


def test_it_is_scanned_and_goes_on_after_an_interruption(stopped_and_resumed) -> None:
    chosen = study({"name": "sized_blobs"}, {"sgd.batch_size": [4, 8]})
    whole = lsgd.simulate(chosen)["network"]
    assert np.array_equal(whole.energy, stopped_and_resumed(chosen, 7).energy)


def test_what_cannot_be_is_told_in_one_line() -> None:
    with pytest.raises(UserError, match=r"data.name: unknown name \"sized_blob\"; did you mean \"sized_blobs\""):
        config.parse(study({"name": "sized_blob"}))
    with pytest.raises(UserError, match=r"data.sample: unknown key; did you mean \"samples\""):
        config.parse(study({"name": "sized_blobs", "sample": 3}))
    with pytest.raises(UserError, match=r"data.name: .* is int; a function that returns a langevin_sgd.DataSet"):
        config.parse(study({"name": "not_callable"}))
    with pytest.raises(UserError, match=r"my_data:blob: my_data has no blob; did you mean my_data:blobs"):
        lsgd.simulate(study({"name": "my_data:blob"}))
    with pytest.raises(UserError, match=r"models\.network\.data: my_data:broken\(\) failed: OSError: no such file"):
        lsgd.simulate(study({"name": "my_data:broken"}))
