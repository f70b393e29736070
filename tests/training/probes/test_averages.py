"""The `averages` probe: how many directions its third cumulants are followed in."""

import numpy as np
import pytest
from made_up_networks import trained

from langevin_sgd.training.probes.averages import measure

pytestmark = pytest.mark.usefixtures("own_modules")


@pytest.mark.parametrize(("truncated", "counts"), [(0.0, [2, 4, 6]), (1.0, [2])])
def test_directions_are_doubled_until_that_changes_little(truncated, counts, monkeypatch):
    """From the fewest up to what the config allows; each time those come first of whose gradient the variance is most.

    What half of the directions leave out is that of the last number of them.
    """
    asked, right = [], measure.third_order

    def recorded(instruments, about, chosen, scale):
        asked.append((chosen, about.stiffness[chosen] * scale))
        return right(instruments, about, chosen, scale)

    monkeypatch.setattr(measure, "FEWEST_DIRECTIONS", 2)
    monkeypatch.setattr(measure, "TRUNCATED", truncated)
    monkeypatch.setattr(measure, "third_order", recorded)
    found = trained(
        start="minimum", steps=20, burn_in=4, record_times=3, replicas=2,
        probes=({"kind": "averages", "frames": 2, "directions": 6},),
    )  # fmt: skip
    assert [chosen.size for chosen, _ in asked] == counts
    for chosen, slope in asked:
        assert (np.diff(slope**2) <= 0).all()
        assert np.array_equal(chosen, asked[-1][0][: chosen.size])
    assert np.isfinite(found["skewness_truncated"])
    assert abs(found["skewness_truncated"]) < np.abs(found["skewness_variance"]).sum() * 2
