"""Variables of a scan point by point, as the points themselves hold them."""

import numpy as np

import langevin_sgd as lsgd
from langevin_sgd.checks.stored.columns import Columns, only
from langevin_sgd.observables.blocks import FAILED, STATUS
from langevin_sgd.observables.scanned import points

STUDY = {
    "name": "t", "seed": 1, "sgd": {"learning_rate": 0.1, "batch_size": 4},
    "models": {"m": {
        "kind": "ornstein_uhlenbeck", "hessian": {"kind": "diagonal", "eigenvalues": [1.0, 0.5]},
        "noise": {"kind": "full", "matrix": [[1.0, 0.3], [0.3, 0.5]]}, "steps": 300, "replicas": 4, "record_times": 4,
    }},
    "scan": {"sgd.learning_rate": [0.02, 0.1, 0.4], "sgd.batch_size": [2, 4]},
}  # fmt: skip


def test_a_column_holds_what_the_points_hold() -> None:
    """Of windows of different lengths, with a point between that failed."""
    data = lsgd.simulate(STUDY)["m"].to_dataset(inherit=False)
    data[STATUS][1, 0] = FAILED
    columns, every = Columns(data), [point for _, point in points(data)]
    assert len(every) == 5
    assert len({point.sizes["sample"] for point in every}) > 1
    for index, point in enumerate(every):
        for name in map(str, point.variables):
            np.testing.assert_array_equal(columns.at(name, index), point[name].values, err_msg=name)
    few = only(data, ("mode_moment_1",))
    for (label, whole), (same, part) in zip(points(data), points(few), strict=True):
        assert label == same
        np.testing.assert_array_equal(part["mode_moment_1"], whole["mode_moment_1"])
        assert "energy" not in part
