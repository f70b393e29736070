"""Integration schemes by name; each declares in its own file what it accepts and what it keeps."""

from __future__ import annotations

import difflib

from langevin_sgd.integrators.schemes import (
    baoab,
    euler_maruyama,
    exact,
    heavy_ball,
    leimkuhler_matthews,
    milstein,
    sra1,
    sri2,
    stratonovich_heun,
)
from langevin_sgd.integrators.schemes.scheme import Scheme, SchemeError

SCHEMES: dict[str, Scheme] = {
    module.SCHEME.name: module.SCHEME
    for module in (
        euler_maruyama,
        heavy_ball,
        milstein,
        sra1,
        leimkuhler_matthews,
        baoab,
        stratonovich_heun,
        sri2,
        exact,
    )
}

__all__ = ["SCHEMES", "Scheme", "SchemeError", "scheme"]


def scheme(name: str | Scheme) -> Scheme:
    """The scheme of that name; `SchemeError` with the nearest name when there is none."""
    if isinstance(name, Scheme):
        return name
    if not isinstance(name, str) or name not in SCHEMES:
        near = difflib.get_close_matches(str(name), SCHEMES, n=1)
        mend = f"did you mean {near[0]!r}?" if near else f"known schemes: {', '.join(SCHEMES)}"
        raise SchemeError(f"unknown scheme {name!r}; {mend}")
    return SCHEMES[name]
