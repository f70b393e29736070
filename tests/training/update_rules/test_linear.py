"""Laws from the step of a rule: found by running it, claimed for the process, refused where it is not linear."""

import sys
from pathlib import Path

import numpy as np
import pytest

import langevin_sgd as lsgd
from langevin_sgd.config.sgd import Sgd
from langevin_sgd.errors import UserError
from langevin_sgd.study import loading as config
from langevin_sgd.training.update_rules import UPDATE_RULES, checking
from langevin_sgd.training.update_rules.linear import companion

ETA, MU, DECAY = 0.1, 0.9, 0.03
SGD = Sgd(learning_rate=ETA, batch_size=8, momentum=MU, weight_decay=DECAY)

FILE = '''\
from langevin_sgd.training.update_rules.rule import UpdateRule
from langevin_sgd.training.update_rules.section import UpdateRuleSection


class Half(UpdateRuleSection):
    """Half of every gradient now, and half of it at the next step."""

    SLOTS = ("before",)
    LINEAR = True

    def build(self, sgd):
        return HalfStep(sgd)


class HalfStep(UpdateRule):
    def __init__(self, sgd):
        self.sgd = sgd

    def update(self, replicas):
        gradient = replicas.gradient().add_(replicas.weights, alpha=self.sgd.weight_decay)
        before = replicas.slots["before"]
        replicas.weights.sub_(0.5 * self.sgd.learning_rate * (gradient + before))
        before.copy_(gradient)


class Claims(Half):
    def build(self, sgd):
        return Signs(sgd)


class Signs(HalfStep):
    def update(self, replicas):
        replicas.weights.sub_(self.sgd.learning_rate * replicas.gradient().sign())


class Fades(Half):
    def build(self, sgd):
        return Fading(sgd)


class Fading(HalfStep):
    def update(self, replicas):
        replicas.weights.sub_(replicas.gradient() / (1 + replicas.step))
'''


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "my_linear.py").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    yield "my_linear"
    sys.modules.pop("my_linear", None)


def found(sgd: Sgd = SGD, **keys: object):
    section = UPDATE_RULES["sgd"].model_validate({"kind": "sgd", **keys})
    return companion(section, sgd, checking.build(section, sgd, 100))


def test_the_step_of_a_rule_is_found_by_running_it():
    plain = found()
    np.testing.assert_allclose(plain.carry, [[1 - ETA * DECAY, -ETA * MU], [DECAY, MU]], atol=1e-15)
    np.testing.assert_allclose(plain.kick, [-ETA, 1.0])
    assert plain.is_heavy_ball(ETA, MU)
    assert found(Sgd(learning_rate=ETA, batch_size=8)).is_heavy_ball(ETA, 0.0)
    nesterov = found(nesterov=True)
    np.testing.assert_allclose(nesterov.kick, [-ETA * (1 + MU), 1.0])
    assert nesterov.stability_limit() == pytest.approx(2 * (1 + MU) / ETA / (1 + 2 * MU))
    dampened = found(dampening=0.5)
    np.testing.assert_allclose(dampened.kick, [-ETA / 2, 0.5])
    np.testing.assert_allclose(dampened.first, [-ETA, 1.0])
    assert dampened.effective_rate() == pytest.approx(0.5 * ETA / (1 - MU))
    assert not nesterov.is_heavy_ball(ETA, MU)
    assert not dampened.is_heavy_ball(ETA, MU)
    assert found(clip_norm=1.0) is None


def test_what_is_left_of_a_preconditioned_rule_is_sgd():
    sgd = SGD.model_copy(update={"momentum": 0.0})
    adam = UPDATE_RULES["adam"].model_validate({"kind": "adam", "beta_1": 0.8})
    left = companion(adam, sgd, adam.build(sgd))
    np.testing.assert_allclose(left.carry, [[1.0, -ETA * 0.8], [0.0, 0.8]], atol=1e-15)
    np.testing.assert_allclose(left.kick, [-ETA * 0.2, 0.2])
    assert left.decay == 0.0
    rmsprop = UPDATE_RULES["rmsprop"].model_validate({"kind": "rmsprop"})
    assert companion(rmsprop, SGD, rmsprop.build(SGD)).is_heavy_ball(ETA, MU)
    adagrad = UPDATE_RULES["adagrad"].model_validate({"kind": "adagrad"})
    assert companion(adagrad, sgd, adagrad.build(sgd)) is None


def study(rule: object, sgd: dict | None = None, **more: object) -> dict:
    network = {
        "kind": "network", "data": {"name": "iris"}, "architecture": {"kind": "softmax"}, "start": "minimum",
        "replicas": 32, "steps": 2000, "update_rule": rule, "record_times": 8, "sample_every": 19, **more,
    }  # fmt: skip
    whole = {"learning_rate": 0.02, "batch_size": 8, "weight_decay": 0.1, **(sgd or {})}
    return {"name": "one", "seed": 1, "sgd": whole, "models": {"network": network}, "checks": ["equilibrium"]}


def ratio(network, law: str) -> float:
    return float(network.mode_variance.sum() / network.mode_variance_law.sel(law=law).sum())


def row(table, **wanted: str):
    for place in range(table.sizes["comparison"]):
        each = table.isel(comparison=place)
        if all(str(each[key].values) == value for key, value in wanted.items()):
            return each
    raise AssertionError(wanted)


@pytest.mark.by_default("with_replacement")
@pytest.mark.parametrize("sampling", ["with_replacement", "epoch"])
def test_nesterov_fluctuates_as_its_companion_matrix_says_and_not_as_the_heavy_ball(tmp_path: Path, sampling: str):
    """At eta lambda near its limit, where both differ by far; with a law row, contrasts, and transients."""
    fast = {"learning_rate": 0.25, "batch_size": 40}
    given = study({"kind": "sgd", "nesterov": True}, {"momentum": 0.8, "sampling": sampling, **fast})
    law = "companion_epoch" if sampling == "epoch" else "companion"
    network = lsgd.simulate(given, output=tmp_path / "run")["network"]
    assert network.attrs["law"] == law
    assert abs(ratio(network, law) - 1) < 0.05
    table = lsgd.check(tmp_path / "run")
    claimed = row(table, quantity="total_variance", law=law)
    assert str(claimed.role.values) == "law"
    assert str(row(table, quantity="total_variance", law="discrete").role.values) == "contrast"
    sharpest = network.mode_variance.values[0]
    predicted = {str(name): network.mode_variance_law.sel(law=name).values[0] for name in network.law.values}
    assert abs(sharpest / predicted[law] - 1) < 0.1
    assert abs(sharpest / predicted["discrete"] - 1) > 0.15
    assert not [name for name in map(str, table.quantity.values) if name.startswith("stored")]


def test_what_was_altered_of_the_step_that_a_run_keeps_is_named(tmp_path: Path):
    given = study({"kind": "sgd", "dampening": 0.5}, {"momentum": 0.5}, steps=200, replicas=4)
    tree = lsgd.simulate(given)
    assert tree["network"].attrs["law"] == "companion"
    tree["network"]["rule_kick"] = 1.1 * tree["network"]["rule_kick"]
    assert "stored[rule_kick]" in lsgd.check(tree).quantity.values


def test_adam_near_a_minimum_is_held_against_its_frozen_preconditioner(tmp_path: Path):
    """A contrast: total variance within 10% of it, and nothing claimed."""
    given = study({"kind": "adam", "beta_2": 0.99}, {"learning_rate": 0.002})
    network = lsgd.simulate(given, output=tmp_path / "run")["network"]
    assert "law" not in network.attrs
    assert network.preconditioner.shape == network.minimum.shape
    assert abs(ratio(network, "frozen_preconditioner") - 1) < 0.1
    table = lsgd.check(tmp_path / "run")
    assert set(table.role.values.tolist()) == {"contrast"}
    assert not [name for name in map(str, table.quantity.values) if name.startswith("stored")]
    lsgd.report(tmp_path / "run")


def test_a_linear_rule_of_ones_own_has_its_law(module: str, tmp_path: Path):
    given = study(f"{module}:Half", {"learning_rate": 0.05}, steps=1500)
    network = lsgd.simulate(given, output=tmp_path / "run")["network"]
    assert network.attrs["law"] == "companion"
    assert abs(ratio(network, "companion") - 1) < 0.1
    sys.modules.pop("my_linear")
    table = lsgd.check(tmp_path / "run")
    assert "my_linear" not in sys.modules  # the law follows from what the run keeps of the step
    assert str(row(table, quantity="total_variance", law="companion").role.values) == "law"


@pytest.mark.parametrize("name", ["Claims", "Fades"])
def test_a_rule_that_says_it_is_linear_and_is_not_is_told(module: str, name: str):
    with pytest.warns(RuntimeWarning, match=r"network: failed"):
        failed = lsgd.simulate(study(f"{module}:{name}", steps=60, replicas=2))["network"]
    assert f"update rule {module}:{name}: LINEAR says that its step is linear" in failed.attrs["error"]


def test_stability_is_that_of_the_rule():
    """Nesterov's limit is 2 (1 + mu)/(1 + 2 mu), below that of the heavy ball."""
    sharp = {"learning_rate": 2.5, "momentum": 0.9}
    with pytest.warns(RuntimeWarning, match=r"network: failed"):
        failed = lsgd.simulate(study({"kind": "sgd", "nesterov": True}, sharp, steps=60, replicas=2))["network"]
    assert "and stability of the update rule needs less than 0.5429" in failed.attrs["error"]
    stable = lsgd.simulate(study("sgd", sharp, steps=60, replicas=2))["network"]
    assert stable.attrs["law"] == "discrete"


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (
            "adagrad",
            '"network" is trained by adagrad, whose steps become shorter without end: it has no stationary law',
        ),
        ({"kind": "sgd", "clip_value": 1.0}, '"network" is trained by sgd with clipping, which is no linear step'),
    ],
    ids=["adagrad", "clipped"],
)
@pytest.mark.parametrize("models", [None, ["network"]])
def test_a_rule_without_any_law_is_not_checked_and_it_says_why(rule, told: str, models):
    given = study(rule)
    given["checks"] = [{"kind": "equilibrium", **({} if models is None else {"models": models})}]
    with pytest.raises(UserError, match=r"checks\.0") as caught:
        config.parse(given)
    assert f"{told}" in str(caught.value)
    assert "\n" not in str(caught.value).strip()


@pytest.mark.validate
@pytest.mark.parametrize("nesterov", [False, True])
def test_both_momenta_on_digits_follow_their_own_law_and_not_each_others(nesterov: bool):
    """Softmax on digits: total variance within 3% of its companion-matrix law, and further than three standard errors
    from the other rule's; the step is large and the noise weak, so that the rules differ and the noise is frozen."""
    given = {
        "name": "momenta",
        "seed": 1,
        "sgd": {"learning_rate": 0.1, "momentum": 0.9, "batch_size": 128, "weight_decay": 0.01},
        "models": {
            "network": {
                "kind": "network", "architecture": {"kind": "softmax"}, "start": "minimum", "replicas": 64,
                "steps": 3000, "update_rule": {"kind": "sgd", "nesterov": nesterov},
            }
        },
    }  # fmt: skip
    network = lsgd.simulate(given)["network"]
    sgd = Sgd(**given["sgd"])
    basis = network.hessian_eigenvector.values
    k, c = network.hessian_eigenvalue.values, basis.T @ network.noise_covariance.values @ basis
    laws = [np.trace(found(sgd, nesterov=each).covariance(k, c, sgd.batch_size)) for each in (nesterov, not nesterov)]
    each = (network.mode_moment_2 - network.mode_moment_1**2).sum("mode").values
    total, stderr = float(network.mode_variance.sum()), float(each.std(ddof=1) / np.sqrt(each.size))
    assert abs(total / laws[0] - 1) < 0.03
    assert abs(total - laws[1]) > 3 * stderr
    np.testing.assert_allclose(network.mode_variance_predicted.sum(), laws[0], rtol=1e-9)
