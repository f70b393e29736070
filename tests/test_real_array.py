"""The one door for a caller's numbers, and every door of the package that leads through it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import langevin_sgd as lsgd
from langevin_sgd.errors import UserError
from langevin_sgd.estimators import hopping, resampling, survival
from langevin_sgd.integrators import exact
from langevin_sgd.integrators.flooding import flood
from langevin_sgd.landscapes.tabulated import Tabulated
from langevin_sgd.real_array import native_array, real_array, whole_array
from langevin_sgd.theory import epoch_sampling, occupancy, ornstein_uhlenbeck, quadratic_form

NUMBERS = np.array([1.5, -2.0, 3.25])
HIDDEN = np.ma.masked_array([1.0, 2.0], mask=[False, True])


@pytest.mark.parametrize(
    ("given", "dtype"),
    [
        (NUMBERS.astype(">f8"), np.float64),
        (NUMBERS.astype("<f8"), np.float64),
        (NUMBERS.astype(">f4"), np.float32),
        (NUMBERS.astype("f2"), np.float32),
        (NUMBERS.astype(np.longdouble), np.float64),
        (np.array([1, -2, 3], ">i2"), np.int64),
        (np.array([1, 255], np.uint8), np.int64),
        (np.array([True, False]), np.int64),
        (np.array([1, 2.5], object), np.float64),
        ([1, 2], np.int64),
        (torch.tensor([1.5]), np.float32),
        (np.ma.masked_array(NUMBERS, mask=False), np.float64),
    ],
)
def test_numbers_become_native(given, dtype):
    found = native_array(given, "it", UserError)
    assert type(found) is np.ndarray
    assert found.dtype == dtype
    assert found.dtype.isnative
    assert np.array_equal(found, np.asarray(given, dtype=np.float64))
    assert real_array(given, "it", UserError).dtype == np.float64


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (HIDDEN, r"it has masked entries; fill them \(numpy.ma.filled\)"),
        ([HIDDEN, HIDDEN], "masked entries"),
        ([1.0, np.ma.masked], "masked entries"),
        (np.array([1 + 2j]), "must be real numbers, not complex128; give the .real part"),
        ([1 + 0j], "give the .real part"),
        (torch.tensor([1.5], requires_grad=True), "must be real numbers in equal rows"),
        (np.array([np.finfo(np.longdouble).max]), "must fit into float64"),
        (np.array([2**63], np.uint64), "must fit into int64"),
        (np.array(["2020-01-01"], "M8[D]"), "must be real numbers"),
        (["1.0"], "must be real numbers"),
        ([[1.0], [1.0, 2.0]], "in equal rows"),
    ],
)
def test_what_is_no_number_is_refused_with_the_mend(given, told):
    if given is HIDDEN or "float64" not in told or np.finfo(np.longdouble).max > np.finfo(np.float64).max:
        with pytest.raises(UserError, match=f"^it .*{told.removeprefix('it ')}"):
            native_array(given, "it", UserError)


def test_whole_numbers_have_no_fraction():
    assert whole_array(np.array([1.0, -3.0], ">f4"), "it", UserError).tolist() == [1, -3]
    for given in ([1.5], [np.nan], [1e30]):
        with pytest.raises(UserError, match="it must be whole numbers"):
            whole_array(given, "it", UserError)


def _integrated(**arguments: Any) -> np.ndarray:
    arguments = {"start": {"position": np.zeros((1, 3))}, "parameters": {"k": 1.0}, "scan": None} | arguments
    found = lsgd.integrate(
        lsgd.Expression("k*x**2/2", ["x"], {"k": 1.0}),
        lsgd.IsotropicNoise(1.0),
        time_step=0.1,
        steps=2,
        trajectories=3,
        seed=1,
        record=lsgd.Record(steps=[2], each=["x"]),
        **{name: value for name, value in arguments.items() if value is not None},
    )
    return found.data["x"].values


PAIR = np.array([0.5, 0.25])
THREE = np.array([0.5, 0.25, 0.125])
SQUARE = np.array([[2.0, 0.5], [0.5, 1.0]])
LINE = np.abs(np.sin(np.arange(22.0))).reshape(2, 11)
MOVES = np.array([[[0.0, 2.0], [3.0, 0.0]]])


def _exact(k: Any = PAIR, c: Any = SQUARE, start: Any = PAIR) -> np.ndarray:
    seen: list[np.ndarray] = []
    exact.simulate(
        k, c, learning_rate=0.1, batch_size=4, seed=1, replicas=2, steps=[1, 2], start=start,
        visit=lambda *given: seen.append(np.array(given[-1])),
    )  # fmt: skip
    return np.array(seen)


def _numbers(amplitude: Any) -> np.ndarray:
    return np.array(amplitude.subs(dict.fromkeys(amplitude.free_symbols, 1)).tolist(), float)


DOORS: dict[str, tuple[Callable[[Any], Any], np.ndarray]] = {
    "start": (lambda v: _integrated(start=v), THREE[None]),
    "parameters": (lambda v: _integrated(parameters={"k": v}), THREE),
    "scan": (lambda v: _integrated(parameters=None, start=[0.0], scan={"k": v}), THREE),
    "tabulated": (lambda v: Tabulated(v).potential, SQUARE),
    "quadratic": (lambda v: lsgd.Quadratic.from_matrix(v).eigenvalues, SQUARE),
    "position": (lambda v: lsgd.Quadratic.from_matrix(SQUARE).energy(v), PAIR),
    "full noise": (lambda v: _numbers(lsgd.FullNoise(v).amplitude([1, 2])), SQUARE),
    "exact, k": (lambda v: _exact(k=v), PAIR),
    "exact, c": (lambda v: _exact(c=v), SQUARE),
    "exact, start": (lambda v: _exact(start=v), PAIR),
    "flooding": (lambda v: flood(v).known_to, LINE),
    "law, k": (lambda v: ornstein_uhlenbeck.discrete_covariance(v, SQUARE, 0.1, 4), PAIR),
    "law, c": (lambda v: ornstein_uhlenbeck.discrete_covariance(PAIR, v, 0.1, 4), SQUARE),
    "epochs": (lambda v: epoch_sampling.epoch_covariance(v, SQUARE, 0.1, 4, 8), PAIR),
    "energy weights": (lambda v: quadratic_form.energy_weights(PAIR, v), SQUARE),
    "chi squared": (lambda v: quadratic_form.weighted_chi_squared_cdf(v, [1.0]), PAIR),
    "minima": (lambda v: occupancy.laplace_occupancy(v, [SQUARE, SQUARE], 0.1), PAIR),
    "survival": (lambda v: survival.mean_first_passage(v, 2.0).mean, THREE),
    "moves": (lambda v: hopping.hopping_rates(v, np.ones((1, 2))).rate, MOVES),
    "time in": (lambda v: hopping.hopping_rates(MOVES, v).rate, PAIR[None]),
    "resampling": (lambda v: resampling.bootstrap_means(v, seed=1, resamples=3), SQUARE),
}


@pytest.mark.parametrize("door", DOORS)
def test_every_door_converts_and_refuses(door):
    """Other byte orders and longdouble give the same bits; masks and imaginary parts are not dropped."""
    enter, values = DOORS[door]
    expected = np.asarray(enter(values), float)
    for dtype in (">f8", np.longdouble, object):
        assert np.array_equal(np.asarray(enter(values.astype(dtype)), float), expected, equal_nan=True), dtype
    hidden = np.ma.masked_array(values, mask=np.arange(values.size).reshape(values.shape) == 1)
    for bad, told in (
        (hidden, "masked entries"),
        (values + 1j, "must be real numbers, not complex128; give the .real"),
    ):
        with pytest.raises(UserError, match=told) as error:
            enter(bad)
        assert "\n" not in error.value.render()
