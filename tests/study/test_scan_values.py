"""Values of ranges are the decimals that one would write, so that they can be selected by them."""

import math
from fractions import Fraction

import pytest

import langevin_sgd as lsgd
from langevin_sgd.config.errors import ConfigError
from langevin_sgd.study import loading
from langevin_sgd.study.scan_values import Geometric, Linear


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ([0.1, 0.5, 5], (0.1, 0.2, 0.3, 0.4, 0.5)), ([0.0, 1.0, 11], tuple(i / 10 for i in range(11))),
        ([0.5, 0.1, 5], (0.5, 0.4, 0.3, 0.2, 0.1)), ([-0.3, 0.3, 7], (-0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3)),
        ([1e-7, 7e-7, 7], (1e-7, 2e-7, 3e-7, 4e-7, 5e-7, 6e-7, 7e-7)), ([1, 9, 5], (1, 3, 5, 7, 9)),
        ([1000000.1, 1000000.5, 5], (1000000.1, 1000000.2, 1000000.3, 1000000.4, 1000000.5)),
        ([0.0, 1.0, 4], (0.0, 0.333333333, 0.6666666667, 1.0)),
    ],
)  # fmt: skip
def test_linear_values_are_short_decimals(ends, expected):
    values = Linear(linear=ends).values()
    assert values == expected
    assert [type(value) for value in values] == [type(value) for value in expected]


@pytest.mark.parametrize(
    ("ends", "expected"),
    [([0.01, 1.0, 5], (0.01, 0.0316227766, 0.1, 0.316227766, 1.0)), ([0.3, 0.0003, 4], (0.3, 0.03, 0.003, 0.0003)),
     ([8, 64, 4], (8, 16, 32, 64))],
)  # fmt: skip
def test_geometric_values_are_short_decimals(ends, expected):
    assert Geometric(geometric=ends).values() == expected


def test_rounding_is_negligible_beside_the_distance_of_neighbours():
    for first, last, count in ((0.02, 0.5, 8), (0.25, 2.0, 7), (1e-9, 1e9, 10), (0.1, 0.1 + 1e-9, 6)):
        linear, geometric = (
            Linear(linear=(first, last, count)).values(),
            Geometric(geometric=(first, last, count)).values(),
        )
        for i in range(count):
            exact = Fraction(first) + (Fraction(last) - Fraction(first)) * i / (count - 1)
            assert abs(float(Fraction(linear[i]) - exact)) <= 1.01e-9 * (last - first) / (count - 1) + 2e-16 * last
            ratio = first * math.exp(math.log(last / first) * i / (count - 1))
            assert geometric[i] == pytest.approx(ratio, rel=1.01e-9 * ((last / first) ** (1 / (count - 1)) - 1) + 1e-14)
        assert (linear[0], linear[-1], geometric[0], geometric[-1]) == (first, last, first, last)
        assert len(set(linear)) == len(set(geometric)) == count


def test_results_are_selected_by_what_one_would_write():
    model = {"kind": "ornstein_uhlenbeck", "hessian": {"kind": "diagonal", "eigenvalues": [1.0]},
             "noise": {"kind": "isotropic", "scale": 0.4}, "replicas": 2, "steps": 10}  # fmt: skip
    tree = lsgd.simulate(
        {"name": "x", "seed": 1, "sgd": {"learning_rate": 0.1, "batch_size": 4}, "models": {"ou": model},
         "scan": {"sgd.learning_rate": {"linear": [0.1, 0.5, 5]}}}
    )  # fmt: skip
    for rate in (0.1, 0.2, 0.3, 0.4, 0.5):
        assert float(tree["ou"].sel(learning_rate=rate).learning_rate) == rate


@pytest.mark.parametrize(
    ("value", "said"),
    [(math.nan, "a finite number, got nan"), (True, "a number, got true"), ([1.0], "a number, got a list")],
)
def test_what_is_no_value_is_one_fault_at_its_place(value, said):
    model = {"kind": "ornstein_uhlenbeck", "hessian": {"kind": "diagonal", "eigenvalues": [1.0]},
             "noise": {"kind": "isotropic", "scale": 0.4}, "replicas": 2, "steps": 10}  # fmt: skip
    given = {"name": "x", "seed": 1, "sgd": {"learning_rate": 0.1, "batch_size": 4}, "models": {"ou": model}}
    with pytest.raises(ConfigError) as refused:
        loading.parse({**given, "scan": {"sgd.learning_rate": [0.1, value]}})
    assert str(refused.value) == f"<config>: scan.sgd.learning_rate.1: must be {said}"


@pytest.mark.parametrize(
    ("rule", "batches", "expected"),
    [
        ("sqrt", [4, 16, 64, 32], (0.05, 0.1, 0.2, round(0.1 * 2**0.5, 12))),
        ("linear", [8, 16, 48], (0.05, 0.1, 0.3)),
        ("linear", {"geometric": [8, 32, 3]}, (0.05, 0.1, 0.2)),
    ],
)
def test_a_learning_rate_may_go_with_the_batch_size(rule, batches, expected):
    """Hoffer's rule keeps the noise of a step, eta sqrt(B) apart, the linear rule the temperature eta/B."""
    scaled = {"with": "sgd.batch_size", "rule": rule, "at": [0.1, 16]}
    network = {"kind": "network", "architecture": {"kind": "softmax"}, "steps": 3, "replicas": 2, "record_times": 2}
    given = {
        "name": "scaled", "seed": 1, "sgd": {"learning_rate": 0.1, "batch_size": 16}, "models": {"network": network},
        "scan": {"noise": {"zip": {"sgd.learning_rate": {"scaled": scaled}, "sgd.batch_size": batches}}},
    }  # fmt: skip
    (axis,) = loading.parse(given).axes()
    assert axis.columns[0] == pytest.approx(expected, rel=1e-11)
    found = lsgd.simulate(given)["network"]
    assert found.learning_rate.values.tolist() == list(axis.columns[0])
    kept = found.learning_rate / found.batch_size ** (0.5 if rule == "sqrt" else 1.0)
    assert kept.values == pytest.approx(float(kept[0]))
