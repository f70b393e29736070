"""The figure of inherent structures."""

import numpy as np
import pytest
import xarray as xr

from langevin_sgd.reporting.plots import drawn as plots


def _network(log_det: list[float], snapshots: int = 4) -> xr.Dataset:
    """Replicas 0 and 2 move between structures 0 and 1, replica 1 stays in structure 2; theta is 0.1."""
    labels = np.array([[0, 0, 1, 0], [2, 2, 2, 2], [1, 0, 0, 0]])[:, :snapshots]
    occupancy = [(labels == place).mean() for place in range(3)]
    return xr.Dataset(
        {
            "structure": (("replica", "snapshot"), labels),
            "structure_energy": ("basin", [1.0, 1.2, 1.3]),
            "structure_log_det": ("basin", log_det),
            "structure_occupancy": ("basin", occupancy),
            "structure_noise_scale": ("basin", [1.0, 1.0, 1.0]),
            "train_loss": (("replica", "time"), np.ones((3, 1))),
            "learning_rate": 0.2,
            "batch_size": 1,
            "momentum": 0.0,
        },
        coords={"replica": range(3), "basin": ["1", "2", "3"], "snapshot_step": ("snapshot", range(8, 8 + snapshots))},
    )


def _drawn(model: xr.Dataset):
    return plots.figures(xr.DataTree.from_dict({"net": model}), ["inherent_structures"])["inherent_structures"]


def test_it_leads_and_shows_groups_apart_depth_width_and_share():
    assert plots.FIGURES["inherent_structures"].leads == 0
    above, below = _drawn(_network([-8.0, -10.0, -4.0])).axes
    np.testing.assert_array_equal(above.collections[0].get_array(), [[0, 0, 1, 0], [1, 0, 0, 0], [2, 2, 2, 2]])
    assert [label.get_text() for label in above.get_yticklabels()] == ["0", "2", "1"]
    assert [line.get_ydata()[0] for line in above.lines] == [1.5]  # between the two groups
    assert "3 structures below 12 snapshots, in 2 groups" in above.texts[0].get_text()
    places = sorted(marker.get_offsets()[0].tolist() for marker in below.collections)
    np.testing.assert_allclose(places, [[0.0, 2.0], [1.0, 0.0], [3.0, 3.0]], atol=1e-9)  # (1/2) ln det H, E over theta
    areas = {tuple(np.round(marker.get_offsets()[0]) + 0.0): marker.get_sizes()[0] for marker in below.collections}
    assert areas[1.0, 0.0] > areas[3.0, 3.0] > areas[0.0, 2.0]  # 6, 4 and 2 of 12 snapshots
    assert {text.get_text() for text in below.texts} == {"1: 50%", "2: 17%", "3: 33%"}
    lines = [line.get_xydata() for line in below.lines if line.get_xydata().size]
    sums = [line.sum(axis=1) for line in lines]
    assert all(own[0] == pytest.approx(own[1]) for own in sums)
    np.testing.assert_allclose(np.diff([own[0] for own in sums]), np.log(10.0))  # of a tenth of the share


def test_points_that_are_no_minima_are_not_on_the_map():
    _, below = _drawn(_network([-8.0, np.nan, -4.0])).axes
    assert len(below.collections) == 2
    _, below = _drawn(_network([np.nan] * 3, snapshots=1)).axes
    assert not below.collections
    assert below.texts[0].get_text() == "none is a minimum"
