"""Which law of growth predicts disorders it was not fitted to: log law, power of t, diffusion or saturation.

Cross-validation over disorders (or replicas): each law is fitted to all but one fold and scored on the mean squared
displacement of that fold by its Gaussian log-likelihood, with the covariance between times measured on the others.
More parameters buy nothing by themselves. The score of two laws is compared fold by fold; the variance of the sum of K
differences d is K (1 + K n_test/n_train) Var(d), which allows for the folds' shared training sets (Nadeau and Bengio,
Machine Learning 52, 239 (2003)). If the interval of the difference holds 0, the laws are as good as each other on
these data, and log-like growth is no evidence for the log law.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.estimators.growth_laws import DIFFUSION, LOGARITHMIC, POWER, SATURATION, GrowthLaw, fit, whitening
from langevin_sgd.estimators.logarithmic_law import FitWindow
from langevin_sgd.estimators.resampling import relative_covariance

Array = NDArray[np.float64]

FOLDS = 10
COMPETITORS = (POWER, SATURATION, DIFFUSION)


@dataclass(frozen=True)
class Scores:
    """Held-out log-likelihood of each law in each fold, (law, fold), up to a constant that all laws share."""

    names: tuple[str, ...]
    scores: Array
    samples: int

    @property
    def total(self) -> Array:
        """Sum over folds in nats, (law,)."""
        total: Array = self.scores.sum(axis=1)
        return total

    def advantage(self, name: str, other: str, confidence: float) -> Advantage:
        """How many nats `name` is ahead of `other` on held-out samples, with Student's interval over folds."""
        difference = self.scores[self.names.index(name)] - self.scores[self.names.index(other)]
        folds = difference.size
        shared = 1.0 + folds / (folds - 1.0)  # 1 + K n_test/n_train
        stderr = float(difference.std(ddof=1) * math.sqrt(folds * shared))
        half = float(scipy.special.stdtrit(folds - 1, 0.5 + confidence / 2)) * stderr
        value = float(difference.sum())
        return Advantage(name, other, value, stderr, value - half, value + half, folds)


@dataclass(frozen=True)
class Advantage:
    """Difference of held-out log-likelihoods of two laws, in nats."""

    name: str
    other: str
    value: float
    stderr: float
    low: float
    high: float
    folds: int

    @property
    def answer(self) -> str:
        """ "better than", "worse than" or "as good as"."""
        if self.low > 0.0:
            return "better than"
        return "worse than" if self.high < 0.0 else "as good as"


def held_out_scores(
    window: FitWindow,
    *,
    exponent: float | None = None,
    competitors: Sequence[GrowthLaw] = COMPETITORS,
    folds: int = FOLDS,
) -> Scores:
    """Scores of the logarithmic law (p free, or fixed at `exponent`) and its competitors; sample i is in fold i mod K.

    Raises `UserError` for fewer than 2 samples a fold.
    """
    samples = window.squares.shape[0]
    if samples < 2 * folds:
        raise UserError(f"{samples} samples are too few for {folds} folds; at least {2 * folds} are needed")
    laws = (LOGARITHMIC.with_exponent(exponent), *competitors)
    fold = np.arange(samples) % folds
    scores = np.empty((len(laws), folds))
    for number in range(folds):
        test, train = window.squares[fold == number], window.squares[fold != number]
        whiten = whitening(relative_covariance(train))
        seen, held_out = np.log(train.mean(axis=0)), np.log(test.mean(axis=0))
        # the variance of a difference between the two means, in units of that of one sample
        share = 1.0 / test.shape[0] + 1.0 / train.shape[0]
        for row, law in enumerate(laws):
            predicted = fit(law, window.ln_time, seen[None], whiten).predict(window.ln_time)[0]
            scores[row, number] = -0.5 * np.sum((whiten @ (held_out - predicted)) ** 2) / share
    return Scores(tuple(law.name for law in laws), scores, samples)
