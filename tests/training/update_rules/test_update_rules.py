"""Update rules of the user's own, each in one file: trained with, scanned, resumed, and a line where one is broken."""

from pathlib import Path

import numpy as np
import pytest

import langevin_sgd as lsgd
from langevin_sgd.errors import UserError
from langevin_sgd.study import loading as config

FILE = '''\
import torch

from langevin_sgd.training.update_rules.rule import UpdateRule
from langevin_sgd.training.update_rules.section import UpdateRuleSection


class Averaged(UpdateRuleSection):
    """m <- beta m + (1 - beta) g, corrected for its start as Adam does."""

    SLOTS = ("mean",)
    beta: float = 0.9

    def build(self, sgd):
        return AveragedStep(self.beta, sgd)


class AveragedStep(UpdateRule):
    def __init__(self, beta, sgd):
        self.beta, self.sgd = beta, sgd

    def update(self, replicas):
        gradient = replicas.gradient().add_(replicas.weights, alpha=self.sgd.weight_decay)
        mean = replicas.slots["mean"].mul_(self.beta).add_(gradient, alpha=1 - self.beta)
        replicas.weights.add_(mean, alpha=-self.sgd.learning_rate / (1 - self.beta ** (replicas.step + 1)))


class Raises(Averaged):
    def build(self, sgd):
        return Raising(self.beta, sgd)


class Raising(AveragedStep):
    def update(self, replicas):
        raise KeyError("rate")


class Coupled(Averaged):
    def build(self, sgd):
        return CoupledStep(self.beta, sgd)


class CoupledStep(AveragedStep):
    def update(self, replicas):
        super().update(replicas)
        replicas.weights.sub_(0.1 * replicas.weights.mean(0))


class Remembers(Averaged):
    def build(self, sgd):
        return Remembering(self.beta, sgd)


class Remembering(AveragedStep):
    calls = 0

    def update(self, replicas):
        super().update(replicas)
        self.calls += 1
        replicas.weights.mul_(1 - 0.01 * self.calls)


class Nothing(Averaged):
    def build(self, sgd):
        return None


class Deaf(Averaged):
    FUSED = ("learning_rate",)


class Hears(Averaged):
    FUSED = ("learning_rate", "weight_decay")

    def build(self, sgd):
        return Hearing(self.beta, sgd)


class Hearing(AveragedStep):
    def update(self, replicas):
        gradient = replicas.gradient().addcmul_(replicas.weights, replicas.weight_decay)
        mean = replicas.slots["mean"].mul_(self.beta).add_(gradient, alpha=1 - self.beta)
        replicas.weights.addcmul_(mean, -replicas.learning_rate / (1 - self.beta ** (replicas.step + 1)))
'''


@pytest.fixture
def module(own_module) -> str:
    return own_module("my_rules", FILE)


def study(rule: object, scan: dict | None = None, momentum: float = 0.0, **more: object) -> dict:
    network = {
        "kind": "network", "data": {"name": "iris"}, "architecture": {"kind": "softmax"}, "replicas": 3, "steps": 40,
        "record_times": 4, "precision": "float64", "update_rule": rule, **more,
    }  # fmt: skip
    sgd = {"learning_rate": 0.1, "batch_size": 8, "weight_decay": 0.1, "momentum": momentum}
    return {"name": "one", "seed": 1, "sgd": sgd, "models": {"network": network}, "scan": scan or {}}


def test_a_rule_without_memory_is_plain_sgd_and_the_control_follows_it_too(module: str) -> None:
    """beta = 0 is w <- w - eta (g + decay w): to rounding what `sgd` does, in ensemble and control."""
    own = lsgd.simulate(study({"kind": f"{module}:Averaged", "beta": 0.0}, control=True))["network"]
    plain = lsgd.simulate(study("sgd", control=True))["network"]
    for name in ("energy", "squared_displacement", "control_energy", "control_squared_displacement"):
        np.testing.assert_allclose(own[name], plain[name], rtol=1e-10, atol=1e-20)
    other = lsgd.simulate(study({"kind": f"{module}:Averaged", "beta": 0.5}, control=True))["network"]
    assert not np.allclose(other.control_energy[1:], plain.control_energy[1:], rtol=1e-3)


def test_a_rule_may_take_its_numbers_from_the_replicas(module: str) -> None:
    hears, plain = (lsgd.simulate(study(f"{module}:{name}"))["network"] for name in ("Hears", "Averaged"))
    np.testing.assert_allclose(hears.energy, plain.energy, rtol=1e-10)


def test_bits_depend_neither_on_other_replicas_nor_on_an_interruption(module: str, stopped_and_resumed) -> None:
    chosen = study(f"{module}:Averaged", {"sgd.batch_size": [4, 8]})
    whole = lsgd.simulate(chosen)["network"]
    fewer = lsgd.simulate(study(f"{module}:Averaged", {"sgd.batch_size": [4, 8]}, replicas=2))["network"]
    assert np.array_equal(whole.energy[:, :2], fewer.energy)
    assert np.array_equal(whole.energy, stopped_and_resumed(chosen, 7).energy)


def test_no_law_is_claimed_for_a_rule_that_has_none(module: str, tmp_path: Path) -> None:
    window = {"start": "minimum", "steps": 60, "replicas": 2}
    tree = lsgd.simulate(study(f"{module}:Averaged", **window), output=tmp_path / "run")
    found = tree["network"]
    assert "law" not in found.attrs
    assert "mode_variance" in found
    assert not [name for name in found.variables if name.endswith(("_predicted", "_law"))]
    assert (tmp_path / "run" / "report.html").exists()
    with pytest.raises(UserError, match=r"checks\.0"):
        config.parse({**study(f"{module}:Averaged", **window), "checks": ["equilibrium"]})


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Raises", "step 0 failed: KeyError: 'rate' (my_rules.py, line "),
        ("Coupled", "a replica moves otherwise beside another one"),
        ("Remembers", "its steps are others once it has made some; keep what it remembers in SLOTS"),
        ("Deaf", "FUSED names learning_rate, but a replica whose learning_rate is another is not moved by it"),
        ("Nothing", "built NoneType; a subclass of langevin_sgd.training.UpdateRule is needed"),
    ],
)
def test_a_broken_one_is_told_in_one_line(module: str, name: str, told: str) -> None:
    with pytest.raises(UserError) as refused:
        lsgd.simulate(study(f"{module}:{name}"))
    assert f"update rule {module}:{name}: {told}" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_what_cannot_be_is_told_when_the_config_is_read(module: str) -> None:
    with pytest.raises(UserError, match=r"update_rule.*: unknown kind \"sdg\"; did you mean \"sgd\""):
        config.parse(study("sdg"))
    with pytest.raises(UserError, match=r"sgd.momentum: must be 0 for the update rule my_rules:Averaged"):
        config.parse(study(f"{module}:Averaged", momentum=0.5))
    with pytest.raises(UserError, match=r"update_rule.bta: unknown key; did you mean \"beta\""):
        config.parse(study({"kind": f"{module}:Averaged", "bta": 0.5}))


def test_a_run_that_calls_its_rule_by_the_name_it_had_is_read(tmp_path: Path) -> None:
    """`heavy_ball` became `sgd`: such runs are opened, checked and reported; a new config is told."""
    given = {**study("sgd", start="minimum", steps=200, replicas=4), "checks": ["equilibrium"]}
    whole = lsgd.simulate(given, output=tmp_path / "run")["network"]
    written = tmp_path / "run" / "config.yaml"
    text = written.read_text(encoding="utf-8")
    lines = text.splitlines()
    first = next(number for number, line in enumerate(lines) if line.strip() == "update_rule:")
    last = next(n for n in range(first + 1, len(lines)) if len(lines[n]) - len(lines[n].lstrip()) <= 4)
    written.write_text("\n".join([*lines[:first], "    update_rule: {kind: heavy_ball}", *lines[last:]]) + "\n")
    assert np.array_equal(lsgd.open_run(tmp_path / "run")["network"].energy, whole.energy)
    table = lsgd.check(tmp_path / "run")
    assert not [name for name in map(str, table.quantity.values) if name.startswith("stored")]
    lsgd.report(tmp_path / "run")
    with pytest.raises(UserError, match="heavy_ball is called sgd now"):
        config.parse(study("heavy_ball"))
