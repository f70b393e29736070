"""What a model was run with, as headings say it."""

from __future__ import annotations

import xarray as xr

_SYMBOLS = (("η", "learning_rate"), ("B", "batch_size"), ("μ", "momentum"))
_SPECIAL = {"epoch": "epoch sampling", "companion_epoch": "epoch sampling", "continuum": "continuous time"}
_WITHOUT_SGD = (("Δt", "time_step"), ("T", "temperature"))


def parameters(model: xr.Dataset) -> str:
    """`η = 0.1, B = 16, μ = 0` of a model, with epoch sampling or the continuum named where that is what ran.

    A walker whose step is its own is said to have that, and one whose noise is no minibatch's its temperature:
    `Δt = 0.05, T = 0.6`. Of a scanned parameter the range is given: `η = 0.1–0.5`.
    """
    shown = [(symbol, name) for symbol, name in _SYMBOLS if name in model]
    if "time_step" in model:
        own = (steps_in_time(model), "batch_size" not in model)
        shown += [pair for pair, wanted in zip(_WITHOUT_SGD, own, strict=True) if wanted and pair[1] in model]
    parts = [f"{symbol} = {_range(model[name])}" for symbol, name in shown]
    special = _SPECIAL.get(str(model.attrs.get("law")))
    return ", ".join([*parts, special] if special else parts)


def steps_in_time(model: xr.Dataset) -> bool:
    """Whether a step is a time step of the model's own, and not one of SGD at a learning rate."""
    if "time_step" not in model.variables:
        return False
    return "learning_rate" not in model.variables or bool((model["time_step"] != model["learning_rate"]).any())


def time_label(model: xr.Dataset) -> str:
    """What the axis of time shows: steps of SGD, of a simulation, or time itself where there are no steps."""
    if "step" not in model.variables:
        return "time"
    if "learning_rate_factor" in model.variables:
        return "time (sum of the learning rates)"
    return f"time ({'time step' if steps_in_time(model) else 'learning rate'} × steps)"


def effective_time_label(model: xr.Dataset) -> str:
    """The same of `effective_time`, which is the time itself where there is no momentum."""
    if steps_in_time(model) and "momentum" not in model.variables:
        return time_label(model)
    if "learning_rate_factor" in model.variables:
        return "effective time, Σ η/(1 − μ)"
    return f"effective time, {'Δt' if steps_in_time(model) else 'η'}·step/(1 − μ)"


def _range(values: xr.DataArray) -> str:
    low, high = float(values.min()), float(values.max())
    return f"{low:.4g}" if low == high else f"{low:.4g}–{high:.4g}"
