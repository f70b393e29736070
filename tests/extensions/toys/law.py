"""A law: every mode with curvature fluctuates as if it had the mean noise, without the step's correction."""

import numpy as np

from langevin_sgd.laws import Law, Point


def _predict(point: Point) -> dict[str, np.ndarray]:
    """eta tr C/(2 d B k)."""
    k, noise = point.values("hessian_eigenvalue"), point.values("noise_in_mode")
    rate = float(point.data["learning_rate"]) / float(point.data["batch_size"])
    with np.errstate(divide="ignore"):
        return {"mode_variance": np.where(k > 0, rate * noise.mean() / (2 * k), np.nan)}


MEAN_NOISE = Law(
    name="mean_noise",
    title="mean-noise",
    source="made up for a test",
    version=1,
    predict=_predict,
    requires=frozenset({"hessian_eigenvalue", "noise_in_mode"}),
)
