"""How often the check of the twin is wrong, on networks in training: against SGD itself, and with planted noise."""

import pytest

import langevin_sgd as lsgd

NETWORK = {
    "kind": "network", "data": {"name": "iris"}, "architecture": {"kind": "softmax"}, "start": "minimum",
    "replicas": 32, "steps": 1200, "burn_in": 200, "record_times": 4,
}  # fmt: skip


def judged(seed: int, **twin) -> dict[tuple[str, str], str]:
    models = {"net": NETWORK, "twin": {"kind": "langevin_twin", "of": "net", "replicas": 32, **twin}}
    sgd = {"learning_rate": 0.4, "batch_size": 8, "weight_decay": 0.1}
    config = {"name": "t", "seed": seed, "sgd": sgd, "models": models, "checks": ["twin"]}
    table = lsgd.check(lsgd.simulate(config, output=None))
    labels = zip(table["quantity"].values.tolist(), table["role"].values.tolist(), strict=True)
    return dict(zip(labels, table["verdict"].values.tolist(), strict=True))


@pytest.mark.validate
def test_of_twenty_runs_of_sgd_against_itself_none_disagrees_and_twice_the_noise_always_does():
    """svag at the step of SGD is SGD with minibatches of its own: 140 rows, of which 2% may disagree. With half the
    batch size the noise of the twin has the temperature T in the place of theta."""
    rows = [verdict for seed in range(20) for verdict in judged(seed, noise="svag", time_step_fraction=1.0).items()]
    assert {role for (_, role), _ in rows} == {"law"}
    assert sum(verdict == "disagrees" for _, verdict in rows) <= 0.02 * len(rows)
    assert sum(verdict == "agrees" for (name, _), verdict in rows if name == "total_variance") >= 5
    for seed in range(3):
        planted = judged(seed, noise="svag", time_step_fraction=1.0, sgd={"batch_size": 4})
        assert planted["total_variance", "contrast"] == planted["energy", "contrast"] == "disagrees"
