"""The law of averaged gradient noise on real training: digits, breast cancer and a network at its minimum.

Tolerances were set before the runs: of the total 0.5% at learning rates 0.1 to 0.5 and 1.5% at 1.0, of bins of modes 1%
and 3%, for softmax regression on digits; 3% on breast cancer where the law is claimed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import langevin_sgd as lsgd

pytestmark = pytest.mark.validate


def ran(network: dict[str, Any], sgd: dict[str, Any], rates: list[float]) -> tuple[xr.Dataset, pd.DataFrame]:
    common = {"kind": "network", "start": "minimum", "record_times": 16, "recording": {"window": "modes"}}
    model = {**common, "probes": ["averages", "frozen_noise"], **network}
    tree = lsgd.simulate(
        {
            "name": "closure",
            "seed": 1,
            "sgd": {"learning_rate": rates[0], "batch_size": 16, **sgd},
            "models": {"network": model},
            "checks": [{"kind": "equilibrium", "tolerance": 0.03, "bin_tolerance": 0.06}],
            "scan": {"sgd.learning_rate": rates},
        }
    )
    table = tree["checks"].to_dataset().to_dataframe()
    print(
        table.loc[table["quantity"] == "total_variance", ["point", "law", "role", "ratio", "ratio_low", "ratio_high"]]
    )
    return tree["network"].to_dataset(), table


def of(table: pd.DataFrame, rate: float, law: str, quantity: str) -> pd.DataFrame:
    at = table["point"] == f"learning_rate={rate:g}"
    return table[at & (table["law"] == law) & table["quantity"].str.startswith(quantity)]


def test_digits_by_softmax_regression() -> None:
    network = {"data": {"name": "digits"}, "architecture": {"kind": "softmax"}, "replicas": 48, "training_time": 2000}
    point, table = ran(network, {"weight_decay": 0.01}, [0.1, 0.25, 0.5, 1.0])
    for rate, tolerance, of_bins in ((0.1, 0.005, 0.01), (0.25, 0.005, 0.01), (0.5, 0.005, 0.01), (1.0, 0.015, 0.03)):
        total = of(table, rate, "self_consistent", "total_variance").iloc[0]
        assert total["role"] == "law"
        assert abs(total["ratio"] - 1.0) < tolerance
        assert (total["ratio_high"] - total["ratio_low"]) / 4.0 < tolerance / 2.0
        bins = of(table, rate, "self_consistent", "mode_variance")
        error = (bins["ratio_high"] - bins["ratio_low"]) / 4.0
        # one bin is a single mode, known to 0.7% at 0.5 and 1.4% at 1.0: two standard errors for each
        assert (np.abs(bins["ratio"] - 1.0) < of_bins + 2.0 * error).all()
        frozen = of(table, rate, "discrete", "total_variance").iloc[0]["ratio"]
        assert abs(frozen - 1.0) > 2.0 * abs(total["ratio"] - 1.0)
    assert float(point["mode_variance_law"].sel(law="self_consistent", learning_rate=0.5).sum()) > 0.0


def test_breast_cancer_holds_or_is_refused() -> None:
    """Learning rate times the largest eigenvalue, 0.5028, is 0.05, 0.2, 0.6 and 1.2."""
    network = {"data": {"name": "breast_cancer"}, "architecture": {"kind": "softmax"}}
    rates = [round(each / 0.50283, 6) for each in (0.05, 0.2, 0.6, 1.2)]
    point, table = ran({**network, "replicas": 64, "training_time": 1000}, {"weight_decay": 0.03}, rates)
    sharpest = point["hessian_eigenvalue"].max().item()
    assert sharpest == pytest.approx(0.5028, rel=1e-3)
    for rate in rates[:2]:
        total = of(table, rate, "self_consistent", "total_variance").iloc[0]
        assert total["role"] == "law"
        assert abs(total["ratio"] - 1.0) < 0.03
    assert of(table, rates[1], "discrete", "total_variance").iloc[0]["ratio"] > 1.15
    for rate in rates[2:]:
        assert (table.loc[table["point"] == f"learning_rate={rate:g}", "role"] == "contrast").all()
        note = str(point["law_note"].sel(law="self_consistent", learning_rate=rate).values)
        assert "do not converge" in note or "no stationary state" in note or "its own error" in note


def test_a_perceptron_at_its_minimum() -> None:
    """64-16-10, tanh, at learning rate 0.1: the frozen law is 5% off, this one within 1.5% and its own error."""
    architecture = {"kind": "mlp", "hidden": [16], "activation": "tanh"}
    network = {"data": {"name": "digits"}, "architecture": architecture, "replicas": 32, "training_time": 2000}
    point, table = ran(network, {"weight_decay": 0.01}, [0.1])
    total = of(table, 0.1, "self_consistent", "total_variance").iloc[0]
    assert total["role"] == "law"
    assert abs(total["ratio"] - 1.0) < 0.015
    note = str(point["law_note"].sel(law="self_consistent", learning_rate=0.1).values)
    error = float(note.split("its own error ")[1].split(":")[0])
    assert error < 0.01
    assert total["ratio_low"] - error < 1.0 < total["ratio_high"] + error
    assert of(table, 0.1, "discrete", "total_variance").iloc[0]["ratio"] > 1.03
