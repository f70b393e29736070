"""What a model was run with, as headings say it."""

from __future__ import annotations

import xarray as xr

_SYMBOLS = (("η", "learning_rate"), ("B", "batch_size"), ("μ", "momentum"))


def parameters(model: xr.Dataset) -> str:
    """`η = 0.1, B = 16, μ = 0` of a model, with epoch sampling or the continuum named where that is what ran.

    Of a scanned parameter the range is given: `η = 0.1–0.5`.
    """
    parts = [f"{symbol} = {_range(model[name])}" for symbol, name in _SYMBOLS if name in model]
    special = {"epoch": "epoch sampling", "continuum": "continuous time"}.get(str(model.attrs.get("law")))
    return ", ".join([*parts, special] if special else parts)


def _range(values: xr.DataArray) -> str:
    low, high = float(values.min()), float(values.max())
    return f"{low:.4g}" if low == high else f"{low:.4g}–{high:.4g}"
