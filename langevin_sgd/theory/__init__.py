"""Theory: numbers in, numbers out, with the source of every formula. It knows no config and no dataset.

Of a quadratic valley: `ornstein_uhlenbeck`, `modes`, `heavy_ball`, `epoch_sampling`, `epoch_momentum`,
`quadratic_form`, and of any linear rule `companion` and `companion_epochs`; of linear regression `least_squares`. Of a
landscape: `occupancy`, `escape`, `fokker_planck`, `markov_chain`, `nonequilibrium_well`. Of a random potential:
`logarithmic_diffusion`, `effective_diffusion`.
"""

from __future__ import annotations

from langevin_sgd.doors import opened

__all__, __getattr__, __dir__ = opened(
    __name__,
    (
        *("ornstein_uhlenbeck", "modes", "heavy_ball", "epoch_sampling", "epoch_momentum", "quadratic_form"),
        "least_squares",
        *("companion", "companion_epochs"),
        *("occupancy", "escape", "fokker_planck", "markov_chain", "nonequilibrium_well"),
        *("logarithmic_diffusion", "effective_diffusion"),
    ),
)
