"""What reaches a model of a study through the models that it is measured on."""

from __future__ import annotations

from made_up_configs import GIVEN, MEASURED, NETWORK, study

from langevin_sgd.models import lineage
from langevin_sgd.study import loading as config


def test_order_puts_each_model_after_what_it_is_measured_on() -> None:
    parsed = config.parse(study(models={"ou": MEASURED, "given": GIVEN, "network": NETWORK}))
    assert lineage.order(parsed) == ("network", "ou", "given")
    assert {name: lineage.sources(parsed, name) for name in parsed.models} == {
        "ou": ("network",),
        "given": (),
        "network": (),
    }


def test_effective_sgd_takes_the_network_then_its_own() -> None:
    network = {**NETWORK, "sgd": {"learning_rate": 0.5, "sampling": "epoch"}}
    ou = {**MEASURED, "sgd": {"batch_size": 8}}
    parsed = config.parse(study(models={"network": network, "ou": ou, "given": GIVEN}))
    assert lineage.sgd(parsed, "network").model_dump() == {
        "learning_rate": 0.5,
        "batch_size": 16,
        "momentum": 0.0,
        "weight_decay": 0.0,
        "sampling": "epoch",
    }
    own = lineage.sgd(parsed, "ou")
    assert (own.learning_rate, own.batch_size, own.sampling) == (0.5, 8, "with_replacement")
    assert lineage.sgd(parsed, "given").learning_rate == 0.1
    assert lineage.sgd_origin(parsed, "ou", "learning_rate") == ("models", "network", "sgd", "learning_rate")
    assert lineage.sgd_origin(parsed, "ou", "batch_size") == ("models", "ou", "sgd", "batch_size")
    assert lineage.sgd_origin(parsed, "ou", "momentum") == ("sgd", "momentum")


def test_effective_steps_are_the_networks_unless_given() -> None:
    parsed = config.parse(study())
    assert lineage.steps(parsed, "ou") == 1000
    assert lineage.steps(parsed, "given") == 500


def test_a_scan_of_the_sgd_reaches_those_that_run_with_it() -> None:
    network = {**NETWORK, "start": "shared", "sgd": {"learning_rate": 0.5}}
    models = {"network": network, "given": {**GIVEN, "sgd": {"batch_size": 8}}}
    parsed = config.parse(study(models=models, checks=[], scan={"sgd.momentum": [0.0, 0.5], "sgd.batch_size": [4, 8]}))
    assert [axis.name for axis in lineage.scanned(parsed, "network")] == ["momentum", "batch_size"]
    assert [axis.name for axis in lineage.scanned(parsed, "given")] == ["momentum"]  # it has a batch size of its own
