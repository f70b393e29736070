"""How the rows of the table are called in print, wherever one is named."""

from __future__ import annotations

import re

_QUANTITIES = {
    "total_variance": "total variance",
    "mean_shift": "mean shift",
    "energy_distribution": "energy distance",
    "effective_temperature": "eff. temperature",
    "noise_free_modes": "noise-free modes",
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
    return _QUANTITIES.get(quantity, quantity.replace("_", " "))


def law_name(law: str) -> str:
    """The name of a row's `law`: that of a simulation names the model."""
    return law.replace("simulation:", "simulated ", 1)
