"""The sentence of a model says what its rows say, whatever their verdicts are."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from langevin_sgd.checks.verdicts.labels import FIRST, Fault, Quantity, Said
from langevin_sgd.checks.verdicts.statistics import Assessment, Band, Verdict, assess
from langevin_sgd.checks.verdicts.table import Comparison, to_dataset
from langevin_sgd.laws import LAWS
from langevin_sgd.reporting.deviation import in_words
from langevin_sgd.reporting.sentences import sentences

TOTAL = Quantity("total_variance", ranks=(0, 1), said="total variance")
SHARP = Quantity("mode_variance[1,2]", "modes 1–2", ranks=(2, 2), said="the variance of the sharpest modes")
PLAIN = Quantity("mean_shift", ranks=(4, 5))
AT_REST = Quantity(
    "rest", ranks=(0, 1), said=Said("it stands still", "it still moves", "whether it moves is open", "balance")
)


def row(verdict, quantity=TOTAL, law="discrete", role="law", ratio=1.061, half=0.0015, **changes):
    assessed = Assessment(ratio, half / 2, ratio - half, ratio + half, Verdict(verdict), 0.001, "told; at length")
    numbers = {"measured": ratio, "standard_error": half / 2, "predicted": 1.0, "tolerance": 0.05} | changes
    point = numbers.pop("point", "")
    made = Comparison.from_assessment(
        assessed, model="network", quantity=quantity, law=law, role=role, eigenvalues=np.empty(0), **numbers
    )
    return replace(made, point=point)


def said(*rows, not_compared=(), **models):
    table = to_dataset(list(rows), level=0.05, not_compared=not_compared)
    model = xr.Dataset({"learning_rate": 0.5, "batch_size": 16}, attrs={"kind": "network", "status": "done"})
    tree = xr.DataTree.from_dict({"network": model, **models})
    return sentences(tree, table)


def text(*rows):
    (found,) = said(*rows)
    return str(found)


def test_a_model_in_words_and_numbers():
    found = text(
        row("disagrees"),
        row("agrees", SHARP, ratio=1.02),
        row("disagrees", law="isotropic", role="contrast", ratio=0.145, half=0.001),
        row("agrees", law="continuum", role="contrast", ratio=1.01, half=0.02),
        row("disagrees", SHARP, law="continuum", role="contrast", ratio=1.30, half=0.01),
    )
    assert found == (
        "network (η = 0.5, B = 16): disagrees with the discrete law of its H and C in total variance: 6.1% above "
        "[5.9, 6.2], beyond 5%; 1 more row of laws agrees; one temperature T = ησ²/B fails in total variance: "
        "0.145 times it [0.144, 0.146]; the continuum limit fails in the variance of the sharpest modes: 30.0% above "
        "[29.0, 31.0]."
    )


VERBS = {"agrees": "agrees with", "disagrees": "disagrees with", "inconclusive": "not decided against"}
BESIDE = {"agrees": "holds in", "disagrees": "fails in", "inconclusive": "is open in"}


@pytest.mark.parametrize("verdict", VERBS)
def test_each_verdict_has_its_own_words_and_no_other(verdict):
    law, contrast = text(row(verdict)), text(row(verdict, role="contrast"))
    wide = text(row(verdict, role="contrast", ratio=1.14, tolerance=0.2))
    for other, verb in VERBS.items():
        assert bool(re.search(rf"\b{verb}", law)) is (other == verdict)
        assert (BESIDE[other] in contrast) is (other == verdict)
    assert "14.0% above" in wide
    assert (", within 20%" in wide) is (verdict == "agrees")  # 14% holds by what, else?
    assert "no law is claimed of it" in contrast
    conclusion = text(row(verdict, AT_REST))
    assert [each for each in VERBS if AT_REST.phrases()[each] in conclusion] == [verdict]
    assert "(balance 6.1% above [5.9, 6.2])" in conclusion


def test_nothing_that_disagrees_is_passed_over():
    random = np.random.default_rng(3)
    quantities = [TOTAL, SHARP, PLAIN, AT_REST]
    for _ in range(200):
        rows = [
            row(
                random.choice(list(VERBS)),
                quantities[random.integers(4)],
                law=str(random.choice(["discrete", "continuum", "own law"])),
                role=str(random.choice(["law", "contrast"])),
                ratio=float(random.choice([0.2, 0.97, 1.0, 1.3, 4.0, math.nan])),
            )
            for _ in range(random.integers(1, 8))
        ]
        (found,) = said(*rows)
        laws = [each for each in rows if each.role == "law"]
        wrong = sum(each.verdict is Verdict.DISAGREES for each in laws)
        told = str(found)
        counted = sum(map(int, re.findall(r"(\d+) (?:more rows? of laws )?disagree", told)))
        first = told.split(": ", 1)[1]
        led = first.startswith(("disagrees with", "it still moves")) and bool(laws)
        assert counted + led == wrong, told
        assert (found.verdict == "disagrees") is bool(wrong)


def test_a_verdict_that_is_changed_changes_the_sentence():
    table = to_dataset([row("agrees", ratio=1.0), row("agrees", AT_REST)], level=0.05, not_compared=[])
    tree = xr.DataTree.from_dict({"network": xr.Dataset(attrs={"status": "done"})})
    honest = str(sentences(tree, table)[0])
    assert "agrees with" in honest
    assert "1 more row of laws agrees" in honest
    planted = table.assign(verdict=("comparison", np.array(["disagrees", "agrees"])))
    assert "disagrees with" in str(sentences(tree, planted)[0])
    planted = table.assign(verdict=("comparison", np.array(["agrees", "disagrees"])))
    found = sentences(tree, planted)[0]
    assert "it still moves" in str(found)
    assert found.verdict == "disagrees"


def test_a_scan_says_at_how_many_points():
    verdicts = ["agrees"] * 5 + ["inconclusive"] + ["disagrees"] * 2
    rows = [row(each, point=f"η={place}", ratio=1.0 + place / 10) for place, each in enumerate(verdicts)]
    found = text(*rows)
    assert "in total variance agrees at 5 of 8 points, is open at 1, disagrees at 2 (most" in found
    assert "(most at η=7: 70.0% above" in found
    assert "agrees with the discrete law of its H and C in total variance at all 8 points" in text(
        *(row("agrees", point=f"η={place}") for place in range(8))
    )
    assert "total variance at both points" in text(*(row("agrees", point=f"η={place}") for place in range(2)))


def test_what_was_altered_and_what_failed_comes_first():
    altered = Quantity("stored", ranks=(FIRST, FIRST), said=Said(*["its variance was altered after the run"] * 3))
    found = text(row("agrees"), row("inconclusive", altered, ratio=math.nan))
    assert found.split(": ", 1)[1].startswith("its variance was altered after the run; agrees with")
    unfit = text(row("inconclusive").spoiled("too short a window"))
    assert "not decided against the discrete law of its H and C in total variance (the run cannot tell)." in unfit
    assert Fault.UNFIT.told in unfit


def test_models_without_rows_and_without_results():
    found = said(
        row("agrees"),
        not_compared=[{"model": "idle", "status": "done", "reason": "it has no stationary window"}],
        hot=xr.Dataset(attrs={"status": "failed", "error": "hot diverged at step 312"}),
        idle=xr.Dataset(attrs={"status": "done"}),
        ou=xr.Dataset(attrs={"status": "done"}),
        other=xr.Dataset(attrs={"status": "done"}),
    )
    told = [(str(each), each.verdict) for each in found[1:]]
    assert told == [
        ("hot failed: diverged at step 312.", "failed"),
        ("idle: compared with nothing: it has no stationary window.", ""),
        ("ou, other: no comparison of their own.", ""),
    ]
    assert [str(each) for each in sentences(xr.DataTree.from_dict({"ou": xr.Dataset()}), None)] == [
        "ou: no comparison of its own."
    ]


def test_a_model_with_which_nothing_is_compared_says_where_it_ended():
    loss = xr.DataArray([[1.0, 0.25], [1.0, 0.75]], dims=("replica", "time"))
    tree = xr.DataTree.from_dict({"network": xr.Dataset({"train_loss": loss})})
    assert str(sentences(tree, None)[0]) == "network: ends with train loss 0.5; compared with nothing."
    twice = loss * xr.DataArray([1.0, 2.0], coords={"learning_rate": [0.1, 0.2]})
    scan = xr.Dataset({"train_loss": twice})
    empty = xr.DataTree.from_dict({"network": xr.Dataset({"train_loss": loss * np.nan})})
    assert str(sentences(empty, None)[0]) == "network: no comparison of its own."
    assert "train loss 0.5 to 1;" in str(sentences(xr.DataTree.from_dict({"network": scan}), None)[0])


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ((1.061, 1.059, 1.062), "6.1% above [5.9, 6.2]"),
        ((0.97, 0.95, 0.99), "3.0% below [1.0, 5.0]"),
        ((1.003, 0.992, 1.014), "0.3% above [−0.8%, +1.4%]"),
        ((0.145, 0.144, 0.147), "0.145 times it [0.144, 0.147]"),
        ((6.9, math.nan, math.nan), "6.9 times it"),
        ((math.nan, math.nan, math.nan), ""),
    ],
)
def test_deviations_in_words(numbers, words):
    assert in_words(*numbers, predicted=1.0, tolerance=0.05) == words
    bound = in_words(0.02, 0.01, 0.03, predicted=0.0, tolerance=0.05)
    assert bound.startswith("0.02")
    assert bound.endswith("the bound being 0.05")
    assert in_words(-0.08, -0.09, -0.07, predicted=0.5, tolerance=0.01, difference=True).startswith("off by −0.08")


def test_short_reasons_are_without_remarks():
    noted = Assessment(1.0, 0.1, 0.9, 1.1, Verdict.INCONCLUSIVE, 0.5, "straddles").with_note("one").with_note("two")
    assert (noted.reason, noted.short) == ("straddles; one; two", "straddles")
    assert noted.because(Verdict.AGREES, 0.1, "other").short == ""


@pytest.mark.parametrize(("value", "begins"), [(1.0, "inside"), (1.06, "straddles"), (1.3, "outside")])
def test_short_reasons_say_where_the_interval_lies_and_what_would_settle_it(value, begins):
    found = assess(value, 0.01, dof=63, band=Band(0.95, 1.05), confidence=0.95, name="ratio").with_note("a remark")
    assert found.short.startswith(begins)
    assert found.short in found.reason
    assert ("would settle it" in found.short) is (found.verdict is Verdict.INCONCLUSIVE)
    assert "power" not in found.short


def test_every_law_is_called_something_in_a_sentence():
    assert all(law.said for _, law in LAWS.items())
