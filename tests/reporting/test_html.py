from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
import xarray as xr

from langevin_sgd.checks.occupancy.point import agreement_on
from langevin_sgd.checks.verdicts.labels import Fault
from langevin_sgd.checks.verdicts.statistics import inconclusive
from langevin_sgd.checks.verdicts.table import Comparison, to_dataset
from langevin_sgd.reporting import html as html_report
from langevin_sgd.study import store


class Page(HTMLParser):
    """Collects what a page refers to, and complains about tags that do not match."""

    VOID = ("meta", "img", "br", "link", "input", "hr")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.references: list[str] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.tags: set[str] = set()
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.references += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data", "action")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(scope="module")
def html(make_tree):
    config = "name: made_up\ndescription: a < b & c\n"
    return html_report.page(make_tree(failed=True), config=config, pictures={"mode_variance": b"png"})


def test_the_page_needs_nothing_from_elsewhere(html):
    page = Page(html)
    assert all(reference.startswith("data:") for reference in page.references)
    assert "script" not in page.tags
    assert "link" not in page.tags
    assert not re.search(r"@import|url\(|https?://", html)


def test_a_written_report_holds_its_figures(make_run):
    run = make_run()
    path = html_report.report(run)
    assert path == run / "report.html"
    page = Page(path.read_text(encoding="utf-8"))
    assert len(page.references) == 5
    assert all(reference.startswith("data:image/png;base64,") for reference in page.references)
    assert len(list((run / "figures").glob("*.png"))) == 5


def test_the_page_says_what_came_out(html):
    text = " ".join(Page(html).text)
    assert "? inconclusive" in text
    assert "Holm" in text
    assert "diverged at step 312" in text
    assert "needs hot, which failed" in text
    assert "total variance" in text
    assert "a < b & c" in text  # the config, escaped
    assert "650, 92" in text
    assert "torch 2.8" in text
    assert "1 min 21 s on cpu" in text


def test_laws_come_first_and_contrasts_stand_apart(html):
    laws, _, contrasts = html.partition('<div class="contrasts">')
    assert ">Laws<" in laws
    assert "<td>isotropic</td>" not in laws
    table = contrasts[contrasts.index("<details>") : contrasts.index("</section>")]
    assert "<td>isotropic</td>" in table
    (count,) = re.findall(r"<summary>(\d+) contrasts: ", table)
    assert int(count) == table.count('<tr class="numbers">') > 1
    order = [html.index(f">{title}<") for title in ("Verdicts", "Laws", "Figures", "Contrasts", "Config")]
    assert order == sorted(order)


def test_a_point_of_basins_is_headed_by_what_became_of_it():
    row = Comparison.from_assessment(
        inconclusive(0.3, 0.1, "far apart"), model="wells", quantity=agreement_on("left"), fault=Fault.NOT_EQUILIBRATED,
        law="other start", role="law", measured=0.3, standard_error=0.1, predicted=0.0, tolerance=0.01,
        eigenvalues=np.empty(0),
    )  # fmt: skip
    checks = to_dataset([replace(row, point="T=0.3")], level=0.05, not_compared=[])
    html = html_report.page(xr.DataTree.from_dict({store.CHECKS: checks}), config="", pictures={})
    assert ">wells at T=0.3: not equilibrated<" in html
    assert "Contrasts" not in html


def test_both_colour_schemes_and_print_are_served(html):
    assert "prefers-color-scheme: dark" in html
    assert "@media print" in html


def test_what_users_write_cannot_break_the_page(make_tree):
    tree = make_tree(failed=True).copy()
    tree["hot"].attrs = {"kind": "network", "status": "failed", "error": "<script>alert(1)</script>"}
    html = html_report.page(tree, config="name: <b>", pictures={})
    assert "<script>" not in html
    assert "name: &lt;b&gt;" in html
    Page(html)


def test_a_run_without_checks_has_a_report(make_tree):
    tree = make_tree().filter(lambda node: node.name != store.CHECKS)
    assert "No comparisons were made" in html_report.page(tree, config="", pictures={})


def test_an_unfinished_run_says_so(make_tree):
    tree = make_tree().copy()
    assert "unfinished" not in html_report.page(tree, config="", pictures={})
    tree.attrs["unfinished"] = "unfinished: ou is missing; langevin-sgd simulate a<b --resume finishes it"
    for shown in (tree, tree.filter(lambda node: node.name != store.CHECKS)):
        shown.attrs.update(tree.attrs)
        html = html_report.page(shown, config="", pictures={})
        verdict = html[html.index('<section class="verdict') : html.index("</section>")]
        assert "unfinished: ou is missing; langevin-sgd simulate a&lt;b --resume finishes it" in verdict
        Page(html)


def test_reasons_of_agreement_are_folded_and_no_others(html):
    rows = re.findall(r'<td class="badge (\w+)">.*?<tr class="reason"><td colspan="6">(.*?)</td></tr>', html)
    assert {verdict for verdict, _ in rows} == {"agrees", "disagrees", "inconclusive"}
    for verdict, reason in rows:
        assert reason.startswith("<details>") == (verdict == "agrees")
        assert len(re.sub(r"<[^>]*>", "", reason)) > 30


def test_no_run_no_report(tmp_path):
    with pytest.raises(store.StoreError):
        html_report.report(tmp_path)
