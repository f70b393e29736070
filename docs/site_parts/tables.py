"""Tables of what a family holds, for pages to take in: laws with their sources, schemes with their orders."""

from __future__ import annotations

from langevin_sgd.integrators.schemes import SCHEMES
from langevin_sgd.laws import LAWS


def laws() -> str:
    """Every law: its name, what tables call it, and where it is from."""
    rows = [f"| `{name}` | {law.title} | {law.source} |" for name, law in LAWS.items()]
    return "| law | title | source |\n|---|---|---|\n" + "\n".join(rows) + "\n"


def schemes() -> str:
    """Every scheme: how it reads the noise, the orders that it keeps, and where it is from."""
    rows = []
    for name, scheme in SCHEMES.items():
        kinds = dict.fromkeys([*scheme.strong_order, *scheme.weak_order])
        orders = [f"{kind}: {_order(scheme.strong_order, kind)}, {_order(scheme.weak_order, kind)}" for kind in kinds]
        told = (scheme.interpretation, "; ".join(orders), ", ".join(scheme.increments), scheme.source or "")
        rows.append(f"| `{name}` | {' | '.join(told)} |")
    head = "| scheme | noise read as | strong, weak order by noise | increments | source |\n|---|---|---|---|---|\n"
    return head + "\n".join(rows) + "\n"


def _order(orders: dict[str, float], kind: str) -> str:
    return f"{orders[kind]:g}" if kind in orders else "-"
