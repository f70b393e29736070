"""How often the study-level verdict is wrong, over repeated studies of exact SGD on a quadratic.

H and C do not commute; frames are correlated; the pooled variance has a standard error near 1%. Everything is as in a
real study: exact simulation, moments per replica, the laws, `equilibrium` and the study's rule.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import beta

from langevin_sgd.checks.equilibrium.config import EquilibriumCheck
from langevin_sgd.checks.equilibrium.point import equilibrium
from langevin_sgd.checks.verdicts.table import summarise
from langevin_sgd.config.sgd import Sgd
from langevin_sgd.integrators import exact
from langevin_sgd.laws import Point
from langevin_sgd.laws.evaluate import evaluated, known, with_answers
from langevin_sgd.laws.linear_process import LinearProcess
from langevin_sgd.models import declared
from langevin_sgd.observables.declared import dataset
from langevin_sgd.simulation import simulate

pytestmark = pytest.mark.validate

SGD = Sgd(learning_rate=0.5, batch_size=8)
CHECK = EquilibriumCheck(kind="equilibrium")  # the defaults
REPLICAS, SAMPLES, EVERY = 64, 100, 30


def landscape():
    """Rates k and a noise C of full rank in their basis that is roughly, not quite, aligned with H."""
    k = np.array([1.6, 1.1, 0.7, 0.4, 0.25, 0.15, 0.1, 0.06])
    mixing = np.eye(k.size) + 0.35 * np.random.default_rng(0).standard_normal((k.size, k.size))
    c = mixing @ np.diag(0.3 * k + 0.05) @ mixing.T
    return k, c


def study(seed, *, noise=1.0, believed=None, replicas=REPLICAS, samples=SAMPLES):
    """Simulate with noise covariance `noise` C, predict with the `believed` laws (C by default), give the verdict.

    Returns the verdict and the relative standard error of the pooled variance.
    """
    k, c = landscape()
    laws = LinearProcess(k, c, SGD, "discrete", start="stationary")
    steps = EVERY * np.arange(1, samples + 1)
    sums = np.zeros((2, replicas, k.size))
    energy = np.empty((replicas, samples))

    def visit(index, step, positions):
        sums[0] += positions
        sums[1] += positions**2
        energy[:, index] = 0.5 * positions**2 @ k

    exact.simulate(
        k,
        noise * c,
        learning_rate=SGD.learning_rate,
        batch_size=SGD.batch_size,
        seed=seed,
        replicas=replicas,
        steps=steps,
        start="stationary",
        visit=visit,
    )
    measured = dataset(
        {
            "mode_moment_1": sums[0] / samples,
            "mode_moment_2": sums[1] / samples,
            "stationary_energy": energy,
            **laws.variables(),
        },
        declares=declared(),
        coords={
            "replica": np.arange(replicas), "sample_step": steps, "time": [0.0], "step": [0], **laws.coords(),
        },
        attrs={"law": "discrete"},
    )  # fmt: skip
    said = evaluated(Point(measured, SimpleNamespace(process=lambda point: laws, declares=declared)), known())
    whole = with_answers(measured, said)
    whole = whole.assign({name: (("law", "mode"), value) for name, value in (believed or {}).items()})
    rows = equilibrium(whole, model="ou", seed=seed, **CHECK.model_dump(exclude={"kind", "models"}))
    total = rows[0]
    return summarise(rows, level=1 - CHECK.confidence)["verdict"], total.standard_error / total.measured


def rates(label, count, **plant):
    """Verdicts of `count` studies with their own seeds, printed."""
    results = [study(1000 + number, **plant) for number in range(count)]
    verdicts = Counter(verdict for verdict, _ in results)
    stderr = float(np.mean([error for _, error in results]))
    shown = ", ".join(f"{name} {verdicts[name] / count:.3f}" for name in ("agrees", "disagrees", "inconclusive"))
    print(f"\n{label}: {count} studies, standard error of the pooled variance {stderr:.2%}: {shown}")
    return verdicts, stderr


def exchanged(scale):
    """The laws of scale C in place of H and H/scale in place of C, written in the true eigenbasis of H."""
    k, c = landscape()
    believed_k, basis = np.linalg.eigh(scale * c)
    laws = LinearProcess(believed_k, basis.T @ np.diag(k / scale) @ basis, SGD, "discrete")
    variances, weights = [], []
    root = np.sqrt(k)
    for law in ("discrete", "continuum", "isotropic"):
        covariance = basis @ laws.covariance(law) @ basis.T
        variances.append(np.diagonal(covariance))
        weights.append(np.linalg.eigvalsh(root[:, None] * covariance * root)[::-1] / 2)
    return {"mode_variance_law": np.stack(variances), "energy_law_weight": np.stack(weights)}


def test_false_alarms_are_rare():
    count = 400
    verdicts, stderr = rates("no plant", count)
    assert stderr == pytest.approx(0.01, rel=0.2)
    bound = beta.ppf(0.95, verdicts["disagrees"] + 1, count - verdicts["disagrees"])  # Clopper and Pearson
    print(f"upper 95% bound on false alarms {bound:.2%}")
    assert bound < 0.02


@pytest.mark.parametrize(
    ("label", "noise", "believed"),
    [
        ("T 10% too high", 1.1, None),
        ("T 10% too low", 0.9, None),
        ("a factor 2 missing", 2.0, None),
        ("a factor 2 too many", 0.5, None),
        ("H and C exchanged", 1.0, exchanged(1.0)),
        ("H and C exchanged, traces kept", 1.0, exchanged(landscape()[0].sum() / np.trace(landscape()[1]))),
    ],
)
def test_plants_are_caught(label, noise, believed):
    count = 100
    verdicts, _ = rates(label, count, noise=noise, believed=believed)
    assert verdicts["disagrees"] >= 0.95 * count


@pytest.mark.parametrize("noise", [1.05, 0.95])
@pytest.mark.parametrize(("replicas", "samples"), [(REPLICAS, SAMPLES // 10), (16, SAMPLES * 4 // 10)])
def test_a_tenth_of_the_samples_is_not_enough_for_a_small_plant(noise, replicas, samples):
    """A truth on the edge of the tolerance: neither answer is right more often than its error rate allows."""
    count = 100
    label = f"T x {noise}, {replicas} replicas of {samples} samples"
    verdicts, _ = rates(label, count, noise=noise, replicas=replicas, samples=samples)
    allowed = 0.05 * count + 3 * math.sqrt(0.05 * 0.95 * count)
    assert verdicts["agrees"] <= 0.05 * count
    assert verdicts["disagrees"] <= allowed


def test_false_alarms_of_whole_studies_are_rare():
    """From config to verdict: start at the minimum, default window, spread on the way, momentum, two models."""
    k, c = landscape()
    model = {
        "kind": "ornstein_uhlenbeck",
        "hessian": {"kind": "diagonal", "eigenvalues": k.tolist()},
        "noise": {"kind": "full", "matrix": c.tolist()},
        "replicas": 64,
        "steps": 4000,
    }
    count = 160
    verdicts, rows = Counter(), Counter()
    for seed in range(count):
        tree = simulate(
            {
                "name": "null",
                "seed": seed,
                "sgd": SGD.model_dump(),
                "models": {"plain": model, "heavy_ball": {**model, "sgd": {"learning_rate": 0.1, "momentum": 0.9}}},
                "checks": ["equilibrium"],
            }
        )
        summary = json.loads(tree["checks"].attrs["summary"])
        assert summary["not_compared"] == []
        verdicts[summary["verdict"]] += 1
        rows.update(summary["counts"]["law"])
    shown = ", ".join(f"{name} {number / count:.3f}" for name, number in verdicts.items())
    print(f"\nwhole studies: {count}: {shown}; their law rows: {dict(rows)}")
    assert beta.ppf(0.95, verdicts["disagrees"] + 1, count - verdicts["disagrees"]) < 0.02
    assert rows["disagrees"] < 0.01 * rows.total()
