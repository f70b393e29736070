"""Results that wait for those before them: read back to the last bit, damage told in a line."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from langevin_sgd.storage.scan_fragments import Fragments
from langevin_sgd.storage.zarr_groups import StoreError


def block() -> xr.Dataset:
    return xr.Dataset(
        {
            "status": ("rate", np.ones(2, np.int8)),
            "energy": (("rate", "time"), np.array([[1.0, np.nan], [-0.0, np.inf]]), {"units": "1"}),
            "narrow": ("rate", np.array([0.1, 0.2], np.float32)),
            "error": ("rate", np.array(["", "it’s gone"], dtype=object)),
            "attributes": ((), '{"backend": "c"}'),
            "none": (("rate", "mode"), np.empty((2, 0))),
        },
        coords={"time": np.array([1, 2]), "law": ("law", ["a", "bc"]), "learning_rate": 0.1},
        attrs={"share": np.float64(0.1), "many": np.arange(2), "dims": ("rate",)},
    )


def test_a_block_is_read_back_to_the_last_bit(tmp_path):
    kept, given = Fragments(tmp_path / "model"), block()
    assert "0-2" not in kept
    assert kept.get("0-2") is None
    kept.put("0-2", given)
    assert "0-2" in kept
    found = kept.get("0-2")
    assert list(found.variables) == list(given.variables)
    assert list(found.coords) == list(given.coords)
    for name, variable in given.variables.items():
        assert found[name].dims == variable.dims
        assert found[name].dtype == variable.dtype
        assert found[name].attrs == variable.attrs
        as_is = variable.dtype.kind == "O"
        assert found[name].values.tolist() == variable.values.tolist() if as_is else True
        assert as_is or found[name].values.tobytes() == variable.values.tobytes()
    assert found.attrs == {"share": 0.1, "many": [0, 1], "dims": ["rate"]}
    kept.remove("0-2")
    assert "0-2" not in kept


@pytest.mark.parametrize("damage", [lambda text: text[:-3], lambda text: text[:50] + b"?" + text[51:], lambda _: b""])
def test_a_damaged_file_is_told_in_a_line(tmp_path, damage):
    kept = Fragments(tmp_path)
    kept.put("0-2", block())
    (file,) = tmp_path.iterdir()
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(StoreError, match=r"0-2\.npz: is damaged; remove it, and go on with resume=True"):
        kept.get("0-2")
