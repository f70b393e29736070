"""Estimators that serve models and real training alike: statistics that know no model.

Of walks: `growth_laws`, `local_exponent`, `logarithmic_law`, `competing_laws`, `drift_and_spread`,
`structure_function`. Of states: `stationary`, `survival`, `hopping`. Of samples: `tail_index`, and `errors_in_both` for
a line through them. `resampling` and `squared_mean` for their errors, `renewal_model` for walks to try them on.
"""

from __future__ import annotations

from langevin_sgd.doors import opened

__all__, __getattr__, __dir__ = opened(
    __name__,
    (
        *("growth_laws", "local_exponent", "logarithmic_law", "competing_laws", "drift_and_spread"),
        *("structure_function", "stationary", "survival", "hopping", "resampling", "squared_mean", "renewal_model"),
        *("tail_index", "errors_in_both"),
    ),
)
