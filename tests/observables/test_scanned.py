"""Points of a scan as one Dataset and back: groups, names, points with fewer entries, points that are not done."""

import numpy as np
import xarray as xr
from made_up_scans import stack

from langevin_sgd.config.axis import Axis, of_key
from langevin_sgd.observables.blocks import DONE, FAILED, PENDING, STATUS
from langevin_sgd.observables.scanned import dimensions, places_done, points

RATES, SIZES = (0.1, 0.2, 0.4), (4, 8, 16)
PAIR = Axis("pair", ("sgd.learning_rate", "sgd.batch_size"), (RATES, SIZES), grouped=True)


def point(rate: float, size: int, *, modes: int = 2, law: tuple[str, ...] = ("discrete",)) -> xr.Dataset:
    """A point with as many modes, numbered like the samples of its window."""
    return xr.Dataset(
        {
            "learning_rate": ((), rate, {"units": "1", "long_name": "learning rate"}),
            "batch_size": size,
            "count": ("mode", np.arange(modes)),
            "noisy": ("mode", np.full(modes, fill_value=True)),
            "mode_variance": (("replica", "mode"), rate * np.ones((3, modes))),
            "mode_variance_law": (("law", "mode"), rate * np.ones((len(law), modes))),
        },
        coords={"replica": np.arange(3), "law": np.array(law), "sample_step": ("mode", np.arange(modes))},
        attrs={"backend": "numpy"},
    )


def test_a_group_is_one_dimension_with_a_coordinate_a_key() -> None:
    found = stack([point(*each) for each in zip(RATES, SIZES, strict=True)], [PAIR])
    assert dimensions(found) == ("pair",)
    assert found.mode_variance.dims == ("pair", "replica", "mode")
    assert found.learning_rate.dims == found.batch_size.dims == ("pair",)
    assert found.learning_rate.attrs["long_name"] == "learning rate"
    labels = [label for label, _ in points(found)]
    assert labels == [f"batch_size={size}, learning_rate={rate:g}" for rate, size in zip(RATES, SIZES, strict=True)]
    swapped = found.swap_dims(pair="batch_size")
    np.testing.assert_array_equal(swapped.mode_variance.sel(batch_size=8), 0.2)


def test_names_are_a_dimension_of_texts() -> None:
    axes = [of_key("models.m.scheme", ("euler_maruyama", "baoab")), of_key("sgd.learning_rate", RATES)]
    found = stack([point(rate, 4) for _ in range(2) for rate in RATES], axes)
    assert found.scheme.values.tolist() == ["euler_maruyama", "baoab"]
    labels = [label for label, _ in points(found)]
    assert labels[3] == "scheme=baoab, learning_rate=0.1"
    np.testing.assert_array_equal(found.sel(scheme="baoab", learning_rate=0.4).mode_variance, 0.4)
    assert float(found.batch_size) == 4


def test_a_point_of_fewer_entries_is_padded_and_comes_back_as_it_was() -> None:
    given = [point(0.1, 4), point(0.2, 4, modes=5), point(0.4, 4, modes=3, law=("continuum", "discrete"))]
    found = stack(given, [of_key("sgd.learning_rate", RATES)])
    assert found.mode_count.values.tolist() == [2, 5, 3]
    assert found.mode_variance.shape == (3, 3, 5)
    assert np.isnan(found.mode_variance.values[0, :, 2:]).all()
    assert (found["count"].values[0, 2:] == -1).all()
    assert not found.noisy.values[0, 2:].any()
    for (_, back), one in zip(points(found), given, strict=True):
        assert back.sizes == one.sizes
        assert "mode_count" not in back
        for name in one.variables:
            np.testing.assert_array_equal(back[name].values, one[name].values)
            assert back[name].dtype == one[name].dtype or back[name].dtype.kind == "U"


def test_points_of_one_size_have_no_count() -> None:
    found = stack([point(rate, 4) for rate in RATES], [of_key("sgd.learning_rate", RATES)])
    assert "mode_count" not in found
    assert found.sample_step.dims == ("mode",)


def test_points_that_are_not_done_are_left_out() -> None:
    found = stack([point(rate, 4) for rate in RATES], [of_key("sgd.learning_rate", RATES)])
    found = found.assign({STATUS: ("learning_rate", np.array([DONE, FAILED, PENDING], dtype=np.int8))})
    (found_point,) = points(found)
    assert found_point[0] == "learning_rate=0.1"
    assert STATUS not in found_point[1]
    assert places_done(found) == [0]
