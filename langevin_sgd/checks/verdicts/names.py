"""How the rows of the table are called in print, wherever one is named."""

from __future__ import annotations

import re

_QUANTITIES = {
    "total_variance": "total variance",
    "mean_shift": "mean shift",
    "energy_distribution": "energy distance",
    "effective_temperature": "eff. temperature",
    "noise_free_modes": "noise-free modes",
    "energy_coefficient": "coefficient of −E",
    "curvature_coefficient": "of −½ ln det H",
    "sharpness_top": "top eigenvalue",
    "sharpness_trace": "Hessian trace",
    "sharpness_invariant": "Σ w²H",
    "sharpness_top_fall": "top eigenvalue, fall",
    "sharpness_trace_fall": "Hessian trace, fall",
    "sharpness_invariant_fall": "Σ w²H, fall",
    "test_accuracy_change": "test accuracy, change",
    "train_accuracy_change": "train accuracy, change",
}
_OF_BASINS = {
    "occupancy": "occupancy of ",
    "log_odds": "log-odds ",
    "start_agreement": "starts agree on ",
    "collapse": "collapse of ",
    "crossing": "T of equal ",
    "stored": "stored ",
}
_BIN = re.compile(r"mode_variance\[(?P<low>[^,\]]+),(?P<high>[^\]]+)\]")


def quantity_name(quantity: str) -> str:
    """The name of a row's `quantity`; bins of modes are named by their range of eigenvalues."""
    found = _BIN.fullmatch(quantity)
    if found:
        low, high = (f"{float(found[end]):.2g}" for end in ("low", "high"))
        return f"modes {low}–{high}" if low != high else f"mode {low}"
    if quantity.startswith("return_probability"):
        return "aging " + quantity.partition("[")[2].rstrip("]")
    head, mark, label = quantity.partition("[")
    if mark and head in _OF_BASINS:
        return _OF_BASINS[head] + label.rstrip("]").replace("_", " " if head == "stored" else "_")
    return _QUANTITIES.get(quantity, quantity.replace("_", " "))
