"""The tail index of samples, as that of a symmetric stable law: 2 of a Gaussian, less of heavier tails.

The block estimator of Mohammadi, Mohammadpour and Ogata (2015), which Simsekli, Sagun and Gurbuzbalaban (2019) used for
the noise of SGD: sums Y of K independent X of one centred stable law are distributed as K^(1/alpha) X, so that

    1/alpha = (mean ln |Y| - mean ln |X|)/ln K.

It takes the law for stable. Of X of finite variance that are not Gaussian it tells how they get there in K, and of X
that are not of one law, such as coordinates of different scales, it is below 2 even if each of them is Gaussian.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langevin_sgd.errors import UserError
from langevin_sgd.real_array import real_array


def inverse_tail_index(samples: ArrayLike) -> NDArray[np.float64]:
    """1/alpha (...) of `samples` (..., n), in blocks of K = floor(sqrt(n)), the last n - K floor(n/K) of them unused.

    Means over several sets are to be taken of this, which the estimate is linear in. Raises `UserError` for fewer than
    four samples; infinite or nan where a sample is 0.
    """
    x = real_array(samples, "the samples", UserError)
    n = x.shape[-1]
    if n < 4:
        raise UserError(f"a tail index of {n} samples; at least 4 are needed")
    size = int(np.sqrt(n))
    x = x[..., : n // size * size]
    sums = x.reshape(*x.shape[:-1], -1, size).sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        found: NDArray[np.float64] = (np.log(np.abs(sums)).mean(-1) - np.log(np.abs(x)).mean(-1)) / np.log(size)
    return found
