"""Kinds of model of the user's own that are broken: each is told in one line, whatever it raises or answers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import langevin_sgd as lsgd
from langevin_sgd import cli
from langevin_sgd.observables.scanned import points

KIND = '''
import numpy as np
import xarray as xr
from langevin_sgd.config.fields import Number, Replicas
from langevin_sgd.integrators.divergence import Diverged
from langevin_sgd.models.section import ModelSection
from langevin_sgd.observables.declared import dataset
from langevin_sgd.observables.variable import Variable

class Drift(ModelSection):
    """Walkers at constant speed."""

    SCANNABLE = ("speed",)
    SGD_KEYS = ()
    DECLARES = {"arrival": Variable(("replica",), "time of arrival")}
    speed: Number = 1.0
    replicas: Replicas = 4

    def emits(self):
        return {"arrival"}

    def run(self, points, context):
        return [self.at(model) for model, _ in points]

    @staticmethod
    def at(model):
        walkers = np.arange(model.replicas)
        return dataset({"arrival": walkers / model.speed}, coords={"replica": walkers}, declares=Drift.DECLARES)
'''
STUDY = 'name: own\nseed: 1\nmodels:\n  drift: {kind: "drifting:Drift"}\n'
RUN = "        return [self.at(model) for model, _ in points]\n"
EMITS = '        return {"arrival"}\n'
DATASET = (
    '        return dataset({"arrival": walkers / model.speed}, coords={"replica": walkers}, declares=Drift.DECLARES)\n'
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the study and the user's module."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.yaml").write_text(STUDY, encoding="utf-8")
    (tmp_path / "drifting.py").write_text(KIND, encoding="utf-8")
    yield tmp_path
    sys.modules.pop("drifting", None)


def changed(home: Path, written: str, instead: str) -> None:
    assert written in KIND
    (home / "drifting.py").write_text(KIND.replace(written, instead), encoding="utf-8")


def test_the_sound_one_runs_and_is_scanned(home: Path) -> None:
    assert cli.main(["simulate", "own.yaml", "--output", "run", "--quiet"]) == 0
    found = lsgd.simulate({**lsgd.load("own.yaml").as_written(), "scan": {"models.drift.speed": [1.0, 2.0]}})["drift"]
    assert found["arrival"].dims == ("speed", "replica")
    np.testing.assert_array_equal(found["arrival"].sel(speed=2.0), np.arange(4) / 2.0)


REFUSED = {
    "no run": (
        "def run(", "def ran(",
        "drifting:Drift is Drift; a subclass of langevin_sgd.models.section.ModelSection with a method run",
    ),
    "raises when imported": (
        "import numpy as np", "import numpy as np\n1 / 0", "importing drifting failed: ZeroDivisionError",
    ),
    "exits when imported": ("import numpy as np", "raise SystemExit(3)", "importing drifting failed: SystemExit: 3"),
    "a field without a type": (
        "    speed: Number = 1.0", "    speed = 1.0", "importing drifting failed: PydanticUserError",
    ),
    "emits raises": (EMITS, "        return self.nothing\n", "drifting:Drift: emits failed: AttributeError: "),
    "emits no names": (EMITS, "        return None\n", "drifting:Drift: emits must give a set of names, got nothing"),
    "promises what is not declared": (
        EMITS, '        return {"arivals"}\n',
        "drifting:Drift: emits arivals, which is not declared; add it to DECLARES",
    ),
    "declares otherwise": (
        '{"arrival": Variable(("replica",), "time of arrival")}',
        '{"arrival": Variable((), "x"), "energy": Variable((), "heat")}',
        "drifting:Drift: energy: declared twice and differently",
    ),
    "declares what a kind of the package declares otherwise": (
        '{"arrival": Variable(("replica",), "time of arrival")}',
        '{"arrival": Variable((), "x"), "train_loss": Variable((), "x")}',
        "drift: train_loss: declared twice and differently",
    ),
    "declares no variables": (
        '{"arrival": Variable(("replica",), "time of arrival")}', '{"arrival": ("replica",)}',
        "drifting:Drift: DECLARES must be a mapping from names to Variables, got dict",
    ),
    "keys of a scan as a text": ('("speed",)', '"speed"', "drifting:Drift: SCANNABLE must be a tuple of keys, got str"),
    "problems raises": (
        "    def emits", "    def problems(self, study, name):\n        yield ('a',), study.nothing\n\n    def emits",
        "drifting:Drift: problems failed: AttributeError: ",
    ),
    "problems of no form": (
        "    def emits", "    def problems(self, study, name):\n        yield 'all is wrong'\n\n    def emits",
        "drifting:Drift: problems must give pairs (key path, message)",
    ),
    "engines of no form": (
        "    def emits", "    def engines(self):\n        return 'cuda'\n\n    def emits",
        "drifting:Drift: engines must give a tuple of engines",
    ),
    "a validator raises": (
        "    def emits",
        "    def model_post_init(self, context):\n        raise RuntimeError('never')\n\n    def emits",
        "drifting:Drift: reading its keys failed: RuntimeError: never (drifting.py, line ",
    ),
    "a key called like a question": (
        "    speed: Number = 1.0", "    speed: Number = 1.0\n    total_steps: Number = 3.0",
        "drifting:Drift: total_steps must be a method, for every model is asked for it; call your key otherwise",
    ),
    "an answer that is no method": (
        "    def emits", "    @property\n    def emits", "drifting:Drift: emits must be a method",
    ),
    "needs a model that is not there": (
        "    def emits", "    def needs(self):\n        return (('data', 'drit'),)\n\n    def emits",
        'models.drift.data.from: no model named "drit"; none exists',
    ),
    "needs itself": (
        "    def emits", "    def needs(self):\n        return (('data', 'drift'),)\n\n    def emits",
        "models.drift.data.from: goes in a circle (drift -> drift)",
    ),
    "held raises": (
        "    def emits", "    def held(self, study, name):\n        return [study.nothing]\n\n    def emits",
        "drifting:Drift: held failed: AttributeError: ",
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:Field name")  # pydantic's own word on the same
@pytest.mark.parametrize("name", REFUSED)
def test_a_broken_kind_is_refused_in_one_line(home: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    written, instead, told = REFUSED[name]
    changed(home, written, instead)
    assert cli.main(["simulate", "own.yaml", "--output", "run"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line
    assert not (home / "run").exists()


FAILED = {
    "raises": (RUN, "        return points[7]\n", "drifting:Drift: run failed: IndexError: "),
    "exits": (RUN, "        raise SystemExit\n", "drifting:Drift: run failed: SystemExit"),
    "gives nothing": (
        RUN, "        pass\n", "drifting:Drift: run must give a list with an xarray.Dataset a point, got nothing",
    ),
    "gives a dataset alone": (
        RUN, "        return self.at(self)\n", "a list with an xarray.Dataset a point, got Dataset",
    ),
    "gives too many": (
        RUN, "        return 2 * [self.at(self)]\n", "run gave 2 datasets for 1 points; give one a point",
    ),
    "emits an undeclared name": (
        DATASET, '        return dataset({"arival": walkers}, coords={}, declares=Drift.DECLARES)\n',
        "ValueError: arival is not a declared observable; did you mean arrival?",
    ),
    "emits twice": (
        DATASET,
        '        return dataset({"arrival": walkers}, {"arrival": walkers}, coords={}, declares=Drift.DECLARES)\n',
        "ValueError: arrival: emitted twice; every name of a group must have one source (drifting.py, line ",
    ),
    "gives a dataset of its own": (
        DATASET, '        return xr.Dataset({"arrival": ("walker", walkers), "speed": model.speed})\n',
        "run gave arrival with dimensions (walker) and not as declared, with (replica) and its units; make it by",
    ),
    "gives a name of its own": (
        DATASET, '        return xr.Dataset({"speed": model.speed})\n',
        "run gave speed, which is not a declared observable; add it to DECLARES",
    ),
    "breaks its promise": (
        DATASET, '        return dataset({}, coords={"replica": walkers})\n',
        "run gave no arrival, which `emits` promises; emit it, or promise less",
    ),
    "gives objects": (
        "walkers / model.speed", "np.array([object()] * 4)", "run gave arrival of type object, which no run can hold",
    ),
    "gives attributes that are objects": (
        "declares=Drift.DECLARES)\n", "declares=Drift.DECLARES, attrs={'at': object()})\n",
        "run gave attributes that no run can hold",
    ),
    "diverges": (RUN, "        raise Diverged(3, None, detail='too fast')\n", "too fast"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAILED)
def test_a_broken_run_fails_in_one_line(home: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    written, instead, told = FAILED[name]
    changed(home, written, instead)
    assert cli.main(["simulate", "own.yaml", "--output", "run", "--quiet"]) == 1
    assert "Traceback" not in capsys.readouterr().err
    error = lsgd.open_run("run")["drift"].attrs["error"]
    assert told in error
    assert "\n" not in error


def test_points_may_differ_in_size(home: Path) -> None:
    """Their lengths are counted, and each comes back as long as it was."""
    changed(
        home,
        RUN,
        "        return [self.at(m.model_copy(update={'replicas': 3 + round(m.speed)})) for m, _ in points]\n",
    )
    study = {**lsgd.load("own.yaml").as_written(), "scan": {"models.drift.speed": [1.0, 2.0]}}
    found = lsgd.simulate(study)["drift"].dataset
    assert found.replica_count.values.tolist() == [4, 5]
    assert [point.sizes["replica"] for _, point in points(found)] == [4, 5]


def test_a_check_of_a_kind_without_members_says_so(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changed(home, "    replicas: Replicas = 4\n", "    walkers: Replicas = 4\n")
    text = (home / "drifting.py").read_text(encoding="utf-8")
    text = text.replace('{"arrival": Variable', '{"mode_variance": MODES["mode_variance"], "arrival": Variable')
    text = text.replace(EMITS, '        return {"mode_variance"}\n')
    (home / "drifting.py").write_text(f"from langevin_sgd.observables.modes import MODES\n{text}", encoding="utf-8")
    (home / "own.yaml").write_text(f"{STUDY}checks: [equilibrium]\n", encoding="utf-8")
    assert cli.main(["simulate", "own.yaml", "--output", "run"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "models.drift.kind: the check takes its error bars from independent replicas" in line
