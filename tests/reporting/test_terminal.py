from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from langevin_sgd.checks.occupancy.point import agreement_on, log_odds_of, occupancy_of
from langevin_sgd.checks.verdicts.labels import Fault
from langevin_sgd.checks.verdicts.statistics import Assessment, Verdict
from langevin_sgd.checks.verdicts.table import Comparison, to_dataset
from langevin_sgd.reporting import terminal
from langevin_sgd.reporting.sentences import sentences
from langevin_sgd.reporting.verdict_table import most_telling, plain, rows, with_error


def printed(tree, *, full: bool, width: int, verbose: bool = False) -> list[str]:
    stream = io.StringIO()
    table = tree["checks"].to_dataset()
    terminal.print_verdicts(tree, table, full=full, verbose=verbose, run="runs/made_up", width=width, stream=stream)
    return stream.getvalue().splitlines()


@pytest.mark.parametrize("width", [80, 90, 120])
def test_the_table_fits_the_terminal_and_one_screen(make_tree, width):
    lines = printed(make_tree(failed=True), full=False, width=width)
    # a command stays in one piece, to be copied
    assert max(len(line) for line in lines if "langevin-sgd check" not in line) <= width
    assert len(lines) <= 45
    assert not any("…" in line for line in lines)
    text = "\n".join(lines)
    assert "langevin-sgd check runs/made_up" in text
    assert "hot failed: diverged at step 312" in text
    assert "Study: ? inconclusive" in text
    (total,) = [line for line in lines if line.startswith(" total variance") and " isotropic" in line]
    assert ("(✗)" if width < 90 else "(disagrees)") in total  # a contrast
    assert "0.14" in total


def test_without_checks_the_table_says_where_the_models_ended(make_tree, capsys):
    tree = make_tree(failed=True).filter(lambda node: node.name != "checks")
    tree["hot"] = make_tree(failed=True)["hot"]
    terminal.print_run(tree, run="runs/made_up", width=80)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith("· network (η = 0.5, B = 16, μ = 0): ends with train loss ")
    (head,) = [place for place, line in enumerate(lines) if line.startswith("model ")]
    assert "spread" in lines[head]
    assert lines[head + 1].split()[:2] == ["network", "20,000"]
    assert any(line.startswith("No comparisons") for line in lines)
    assert any("hot failed" in line for line in lines)


def test_reasons_are_offered_where_there_are_rows(make_tree):
    tree = make_tree()
    assert any("reason for every verdict" in line for line in printed(tree, full=True, width=80))
    none = xr.DataTree(tree["checks"].to_dataset().isel(comparison=slice(0)))
    tree = xr.DataTree(children={**tree.children, "checks": none})
    assert not any("reason for every verdict" in line for line in printed(tree, full=True, width=80))


def test_the_full_table_has_every_row_with_its_reason(make_tree):
    tree = make_tree()
    every = rows(tree["checks"].to_dataset())
    text = " ".join("\n".join(printed(tree, full=True, verbose=True, width=120)).split())
    assert {row.verdict for row in every} == {"agrees", "disagrees", "inconclusive"}
    for row in every:
        verdict = row.verdict if row.role == "law" else f"({row.verdict})"
        assert f"{row.quantity}, {row.law} {verdict}: {' '.join(row.reason.split())}" in text
    assert "more rows (" not in text


def test_a_narrow_table_says_where_the_predictions_are(make_tree):
    narrow, wide = (" ".join(printed(make_tree(), full=False, width=width)) for width in (80, 90))
    assert " ".join(narrow.split()).count("Predicted values are shown from 90 columns on.") == 1
    assert "Predicted values" not in wide
    assert "predicted" in wide.split("verdict")[0]


def test_long_names_of_laws_are_folded(make_tree):
    tree = make_tree().copy()
    table = tree["checks"].to_dataset()
    law = np.where(table.law.values == "discrete", "simulation:ornstein_uhlenbeck_large", table.law.values)
    tree["checks"] = xr.DataTree(table.assign(law=("comparison", law)))
    assert not any("…" in line for line in printed(tree, full=False, width=80))


def of_basins(fault=Fault.NONE, sign=1.0):
    """A point of two basins: 0.485 found, 0.403 by one law, and a ratio beside them."""
    made = {"model": "wells", "role": "law", "tolerance": 0.005, "eigenvalues": np.empty(0)}
    agrees, disagrees = Verdict.AGREES, Verdict.DISAGREES
    found = [
        (agreement_on("sharp"), "other start", 0.001, 0.001, 0.0, (0.001, -0.001, 0.003), agrees, "near", "ratio"),
        (occupancy_of("sharp"), "fokker_planck", 0.485, 0.005, 0.485 - 0.082 * sign,
         (0.082 * sign, 0.082 * sign - 0.014, 0.082 * sign + 0.014), disagrees, "off", "difference"),
        (log_odds_of("sharp", "flat"), "slide", -0.06, 0.02, -5.551e-16,
         (-0.06, -0.1, -0.02), agrees, "", "difference"),
        ("escape_time", "eyring_kramers", 2.0, 0.1, 1.0, (2.0, 1.8, 2.2), disagrees, "", "ratio"),
    ]  # fmt: skip
    every = [
        Comparison.from_assessment(
            Assessment(interval[0], error, interval[1], interval[2], verdict, 0.5, reason),
            quantity=quantity, law=law, measured=measured, standard_error=error, predicted=predicted, scale=scale,
            **made,
        )
        for quantity, law, measured, error, predicted, interval, verdict, reason, scale in found
    ]  # fmt: skip
    every[0] = replace(every[0], fault=fault)
    return xr.DataTree.from_dict({"checks": to_dataset(every, level=0.05, not_compared=[])})


def test_an_occupancy_is_shown_as_measured_with_its_signed_difference():
    start, share, odds, escape = rows(of_basins()["checks"].to_dataset())
    assert (start.measured, start.predicted, start.ratio) == ("0.0010(10)", "< 0.005", "0.001 [−0.001, 0.003]")
    assert (share.measured, share.predicted, share.ratio) == ("0.485(5)", "0.403", "+0.082 [+0.068, +0.096]")
    assert (odds.measured, odds.predicted, odds.ratio) == ("−0.06(2)", "0", "−0.060 [−0.100, −0.020]")
    assert (escape.predicted, escape.ratio) == ("1", "2.00 [1.80, 2.20]")
    below = rows(of_basins(sign=-1.0)["checks"].to_dataset())[1]
    assert below.ratio == "−0.082 [−0.096, −0.068]"


@pytest.mark.parametrize("width", [80, 90, 120])
def test_words_of_laws_stay_whole(width):
    lines = printed(of_basins(), full=True, verbose=True, width=width)
    table = "\n".join(lines).partition("    starts agree on sharp, other start agrees")[0]  # the reasons follow it
    for name in ("Fokker-Planck", "Eyring-Kramers", "exp(−E/2T)"):
        assert name in table
    assert "slide" not in table
    assert "[+0.068, +0.096]" in table
    assert ("predicted" in table) == (width >= 90)
    assert " ".join(table.split()).count("difference [a, b]") == 1
    assert max(map(len, lines)) <= width


def test_a_point_says_at_once_what_became_of_it():
    assert "wells: sharp 0.485(5)" in printed(of_basins(), full=True, width=80)
    assert "wells: not equilibrated" in printed(of_basins(Fault.NOT_EQUILIBRATED), full=False, width=80)
    assert "wells: one start only" in printed(of_basins(Fault.ONE_START), full=False, width=80)


def test_the_sentences_come_first_and_short_reasons_where_a_law_does_not_agree(make_tree):
    tree = make_tree(failed=True)
    lines = printed(tree, full=True, width=80)
    text, told = (
        " ".join("\n".join(lines).split()),
        [str(each) for each in sentences(tree, tree["checks"].to_dataset())],
    )
    assert lines[0][0] in "✓✗?"
    for each in told:
        assert " ".join(each.split()) in text.replace(" ✗ ", " ").replace(" ? ", " ").replace("✓ ", "")
    for row in rows(tree["checks"].to_dataset()):
        told_why = f"{row.quantity}, {row.law} {row.verdict}: {' '.join(row.short.split())}"
        assert (told_why in text) is (row.role == "law" and row.verdict != "agrees")
    assert "langevin-sgd check --verbose runs/made_up" in text


def test_an_unfinished_run_and_a_failed_model_are_each_told_once(make_tree):
    tree = make_tree(failed=True).copy()
    tree["hot"].attrs = {**tree["hot"].attrs, "error": "hot diverged at step 7"}
    tree.attrs["unfinished"] = "unfinished: " + "langevin-sgd simulate " + "x" * 90 + " finishes it"
    lines = printed(tree, full=True, width=80)
    assert tree.attrs["unfinished"] in lines  # in one piece, to be copied
    assert "  ✗ hot failed: diverged at step 7" in lines


def test_the_most_telling_rows_come_first_when_room_is_short(make_tree):
    every = rows(make_tree()["checks"].to_dataset())
    chosen = most_telling(every, ["network"], limit=6)
    assert [row.key for row in chosen].count("total_variance") >= 5
    # in the order of the table, whatever the rank
    assert [every.index(row) for row in chosen] == sorted(every.index(row) for row in chosen)
    assert len(most_telling(every, ["network"])) <= 25
    contrasts = [row for row in most_telling(every, ["network"]) if row.role == "contrast"]
    assert {row.model for row in contrasts} == {"network"}
    assert any(row.quantity.startswith("modes") and row.law == "continuum" for row in contrasts)


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.01234, 0.00012, "0.01234(12)"),
        (5.327, 0.032, "5.33(3)"),
        (5.3e-7, 1.2e-8, "5.30(12)e−7"),
        (-1.5, 0.25, "−1.5(2)"),
        (1234.0, 96.0, "1234(96)"),
        (1234.0, 16.0, "1234(16)"),
        (0.0123, 0.00099, "0.0123(10)"),
        (0.0, 0.01, "0.000(10)"),
        (1.5, np.nan, "1.5"),
        (np.nan, np.nan, "–"),
        (np.inf, 0.1, "∞"),
        (3.0, 0.0, "3"),
    ],
)
def test_values_carry_their_error_in_the_last_digits(value, error, text):
    assert with_error(value, error) == text


def test_plain_numbers_have_four_digits():
    assert [plain(x) for x in (0.123456, -2e-7, np.nan)] == ["0.1235", "−2e−7", "–"]
