"""How the curves of laws look."""

import pytest

from langevin_sgd.errors import UserError
from langevin_sgd.laws import LAWS
from langevin_sgd.reporting.plots import style


def test_laws_with_curves_have_a_line_of_their_own() -> None:
    told = {name: law.line for name, law in LAWS.items() if law.line is not None}
    assert told["discrete"] == ("blue", "solid")
    for line in told.values():
        assert line[0] in style.COLOURS
        assert line[1] in style.DASHES
    assert style.law_line("continuum") == {"color": style.VERMILLION, "linestyle": style.DASHES["dashed"]}


def test_a_law_that_says_nothing_has_a_colour_of_its_name() -> None:
    assert style.law_line("of_mine") == style.law_line("of_mine")
    assert style.law_line("of_mine")["color"] in style.MODEL_COLOURS


def test_a_line_that_no_figure_knows_is_told(monkeypatch) -> None:
    monkeypatch.setattr(style, "line_by_name", lambda law: ("mauve", "solid"))
    with pytest.raises(UserError, match=r"law mine: its line is .*mauve.*blue, vermillion"):
        style.law_line("mine")


def test_points_of_a_scan_have_colours_of_their_own() -> None:
    for count in (2, 6, 7, 24):
        assert len({style.point_colour(place, count) for place in range(count)}) == count
