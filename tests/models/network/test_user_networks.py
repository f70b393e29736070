"""A study with many networks of the user's own that cannot be run: each fails with one line, and all others run."""

import contextlib
import sys

import pytest

import langevin_sgd as lsgd
from langevin_sgd import cli
from langevin_sgd.observables.cpu_seconds import CPU_SECONDS

NETWORKS = """\
import warnings

import numpy as np
import torch
from torch import nn

import langevin_sgd as lsgd


def blobs():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 40)
    return lsgd.DataSet(rng.normal(size=(3, 4))[labels] + rng.normal(size=(40, 4)), labels, classes=3)


def no_data():
    raise OSError("no such file")


class Recurrent(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.layer = getattr(nn, kind)(2, 3, batch_first=True)

    def forward(self, x):
        return self.layer(x.view(len(x), 2, 2))[0][:, -1]


class Does(nn.Module):
    def __init__(self, forward):
        super().__init__()
        self.linear, self.does = nn.Linear(4, 3), forward

    def forward(self, x):
        return self.does(self.linear, x)


def LSTM():
    return Recurrent("LSTM")


def GRU():
    return Recurrent("GRU")


def RNN():
    return Recurrent("RNN")


def tuple_of_lstm():
    return nn.LSTM(4, 3)


def lazy():
    return nn.Sequential(nn.LazyLinear(3))


def old_weight_norm():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return nn.utils.weight_norm(nn.Linear(4, 3))


def fails_when_made():
    raise KeyError("width")


def returns_nothing():
    pass


def complex_weights():
    module = nn.Linear(4, 3)
    module.phase = nn.Parameter(torch.zeros(3, dtype=torch.complex64))
    return module


made = []


def another_size_each_time():
    made.append(1)
    return nn.Sequential(nn.Linear(4, len(made)), nn.Linear(len(made), 3))


def raises():
    return Does(lambda layer, x: layer(x)[:, 7])


def ends_the_program():
    return Does(lambda layer, x: exit(3))


def endless():
    def again(layer, x):
        return again(layer, x)

    return Does(again)


def not_a_number():
    return Does(lambda layer, x: torch.log(-layer(x) ** 2))


def not_a_number_for_one_sample():
    return Does(lambda layer, x: layer(x) + torch.where(x[:, :1] > 1.5, torch.inf, 0.0))


def wrong_shape():
    return Does(lambda layer, x: layer(x).squeeze())


def other_arithmetic():
    return Does(lambda layer, x: layer(x).float())


def branches():
    return Does(lambda layer, x: layer(x) if layer.weight.sum() > 0 else -layer(x))


def leaves_torch():
    return Does(lambda layer, x: torch.from_numpy(layer(x).detach().numpy()))


def no_second_derivative():
    return Does(lambda layer, x: layer(x) + (0 * layer.bias).norm())


def in_parallel():
    return nn.DataParallel(nn.Linear(4, 3))


def checkpointed():
    return Does(lambda layer, x: torch.utils.checkpoint.checkpoint(layer, x, use_reentrant=False))


def stops_the_gradient():
    return Does(lambda layer, x: layer(x) + layer(x).detach())


def without_a_gradient():
    return Does(lambda layer, x: torch.no_grad()(layer)(x))


def straight_through():
    return Does(lambda layer, x: layer(x) + (torch.sign(layer(x)) - layer(x)).detach())


def not_registered():
    hidden = nn.Parameter(torch.ones(3, dtype=torch.float64))
    return Does([lambda layer, x: layer(x) * hidden][0])


class Counts(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear, self.calls = nn.Linear(4, 3), 0

    def forward(self, x):
        self.calls += 1
        return self.linear(x) * (1.0 if self.calls < 100 else 2.0)


def counts_calls():
    return Counts()


def draws_elsewhere():
    module = nn.Linear(4, 3)
    with torch.no_grad():
        module.weight.copy_(torch.from_numpy(np.random.default_rng().normal(size=(3, 4))))
    return module


class Scalar(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear, self.scale = nn.Linear(4, 3), nn.Parameter(torch.tensor(1.5))

    def forward(self, x):
        return self.scale * self.linear(x)
"""


def _at(code: str) -> str:
    """Where the only line with this code is."""
    (line,) = (number for number, text in enumerate(NETWORKS.splitlines(), 1) if code in text)
    return f"(networks_of_mine.py, line {line})"


TOLD = {
    "tuple_of_lstm": "returns tuple for 4 samples; (4, 3) is needed",
    "lazy": "the size of 0.weight is not known before the module has run; give it",
    "old_weight_norm": "the module cannot be copied: RuntimeError",
    "fails_when_made": "networks_of_mine:fails_when_made() failed: KeyError: 'width' " + _at("KeyError"),
    "returns_nothing": "returned NoneType; a torch.nn.Module is needed",
    "complex_weights": "phase is complex, and weights are real numbers; keep real and imaginary part",
    "another_size_each_time": "returns 11 weights at one call and 19 at another",
    "raises": "fails on inputs of shape (4, 4): IndexError: .* " + _at("[:, 7]"),
    "ends_the_program": "SystemExit: 3 " + _at("exit(3)"),
    "endless": "RecursionError: maximum recursion depth exceeded.* " + _at("return again(layer, x)"),
    "not_a_number": "returns nan for sample 0 at its initial weights",
    "not_a_number_for_one_sample": "returns inf for sample",
    "wrong_shape": "returns (3,) for 1 sample; (1, 3) is needed",
    "other_arithmetic": "returns torch.float32 where its weights and inputs are in torch.float64",
    "branches": "cannot be .* " + _at("if layer.weight.sum()"),
    "leaves_torch": "the derivative that torch computes is not that of the module's outputs",
    "without_data": "no_data() failed: OSError: no such file " + _at("OSError"),
    "in_parallel": "give the module itself, without DataParallel",
    "checkpointed": "leave out torch.utils.checkpoint",
    "stops_the_gradient": "the derivative that torch computes is not that of the module's outputs",
    "without_a_gradient": "the derivative that torch computes is not that of the module's outputs (0 where",
    "straight_through": "where they change by 0); leave out detach",
    "not_registered": "a trainable tensor of shape (3,) that it does not register",
    "counts_calls": "the module updates its number calls as it runs",
    "draws_elsewhere": "the network's constructor gives weight other numbers at a second call",
    "no_second_derivative": "the Hessian of the network is not finite, in",
}

ONE_BY_ONE = ("LSTM", "GRU", "RNN")
"""Recurrent networks, of which torch cannot vectorise every kind in float32: trained one by one then."""

CONFIG = """\
name: many
seed: 1
sgd: {learning_rate: 0.1, batch_size: 4, weight_decay: 0.1}
checks: []
models:
"""
MODEL = (
    "  {name}: {{kind: network, data: {{name: networks_of_mine:{data}, test_fraction: 0}}, replicas: 2, steps: 3, "
    "record_times: 2, probes: [sharpness], "
    "architecture: {{kind: module, factory: networks_of_mine:{factory}}}}}\n"
)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "networks_of_mine", raising=False)
    (tmp_path / "networks_of_mine.py").write_text(NETWORKS)
    (tmp_path / "many.yaml").write_text(_study("first", *TOLD, *ONE_BY_ONE, "last"))
    return tmp_path


def _study(*names):
    text = CONFIG
    for name in names:
        own = {"data": "no_data", "factory": "Scalar"} if name == "without_data" else {"data": "blobs", "factory": name}
        own = {"data": "blobs", "factory": "Scalar"} if name in ("first", "last") else own
        text += MODEL.format(name=name, **own)
    return text


LATER = ("branches", "no_second_derivative")
"""What only a training shows."""


def _told(error, told):
    assert "\n" not in error
    at = 0
    for part in told.split(".*"):
        assert part in error[at:], error
        at = error.index(part, at) + len(part)


def test_each_is_refused_with_one_line_before_anything_is_written(home, capfd):
    with pytest.raises(lsgd.ConfigError) as refused:
        lsgd.simulate("many.yaml", output="run", device="cpu")
    lines = {problem.key.split(".")[1]: problem.render() for problem in refused.value.problems}
    assert lines.keys() == TOLD.keys() - set(LATER)
    for name, line in lines.items():
        number = 1 + [each.split(":")[0].strip() for each in (home / "many.yaml").read_text().splitlines()].index(name)
        assert line.startswith((f"many.yaml:{number}: models.{name}.", f"many.yaml:{number}: models.{name}: ")), line
        _told(line, TOLD[name])
    (home / "many.yaml").write_text(_study("first", *[*lines][:12], "last"))
    assert cli.main(["simulate", "many.yaml", "--output", "run", "--device", "cpu"]) == 2
    printed = capfd.readouterr()
    assert "Traceback" not in printed.out + printed.err
    said = printed.err.splitlines()
    assert (len(said), said[-1]) == (11, "and 2 more faults; mend these first")
    assert not (home / "run").exists()


@pytest.mark.parametrize("recurrent", [("GRU",), pytest.param(ONE_BY_ONE, marks=pytest.mark.validate)])
def test_what_fails_later_does_so_alone_with_one_line(home, capfd, recurrent):
    (home / "few.yaml").write_text(_study("first", *LATER, *recurrent, "last"))
    assert cli.main(["simulate", "few.yaml", "--output", "run", "--device", "cpu"]) == 1
    printed = capfd.readouterr()
    assert "Traceback" not in printed.out + printed.err
    tree = lsgd.open_run("run")
    for name in LATER:
        assert tree[name].attrs["status"] == "failed", name
        _told(tree[name].attrs["error"], TOLD[name])
    for name in ("first", "last", *recurrent):
        assert tree[name].attrs["status"] == "done"
        assert tree[name].sharpness_top.notnull().all()
    first, last = (tree[name].to_dataset() for name in ("first", "last"))
    for each in (first, last):
        del each.attrs[CPU_SECONDS]
    assert first.identical(last)


def test_an_interrupt_in_a_network_is_no_failure_of_it(home):
    (home / "networks_of_mine.py").write_text(
        NETWORKS + "\n\ndef interrupted():\n    def stop(layer, x):\n        raise KeyboardInterrupt\n\n"
        "    return Does(stop)\n"
    )
    (home / "one.yaml").write_text(CONFIG + MODEL.format(name="only", data="blobs", factory="interrupted"))
    with contextlib.chdir(home):
        assert cli.main(["simulate", "one.yaml", "--output", "run", "--device", "cpu", "--quiet"]) == 130
