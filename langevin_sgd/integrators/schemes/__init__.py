"""Integration schemes by name; each declares in its own file what it accepts and what it keeps.

A scheme of another package joins by an entry point of the group langevin_sgd.schemes; one of your own is a `Scheme` in
a module, named "module:attribute".
"""

from __future__ import annotations

from langevin_sgd.families import Family, instance_of
from langevin_sgd.integrators.schemes.scheme import Dynamics, Scheme, SchemeError, State, Vector

__all__ = ["SCHEMES", "Dynamics", "Scheme", "SchemeError", "State", "Vector", "scheme"]

SCHEMES: Family[Scheme] = Family(
    "scheme",
    {
        name: f"langevin_sgd.integrators.schemes.{name}:SCHEME"
        for name in (
            "euler_maruyama",
            "heavy_ball",
            "milstein",
            "sra1",
            "leimkuhler_matthews",
            "baoab",
            "stratonovich_heun",
            "sri2",
            "exact",
        )
    },
    group="langevin_sgd.schemes",
    is_member=instance_of(Scheme),
    needed="a Scheme",
)


def scheme(given: str | Scheme) -> Scheme:
    """The scheme of that name, or the one given. Raises `UserError` with the nearest name when there is none."""
    if isinstance(given, Scheme):
        return given
    if not isinstance(given, str):
        raise SchemeError(f'{given!r:.60} is no scheme; give a name, "module:attribute" or a Scheme')
    return SCHEMES[given]
