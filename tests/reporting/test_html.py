from __future__ import annotations

import re
from dataclasses import replace
from html import escape
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest
import xarray as xr

from langevin_sgd.checks.occupancy.point import agreement_on
from langevin_sgd.checks.verdicts.labels import Fault
from langevin_sgd.checks.verdicts.statistics import inconclusive
from langevin_sgd.checks.verdicts.table import Comparison, to_dataset
from langevin_sgd.reporting import html as html_report
from langevin_sgd.reporting.plots.drawn import Picture
from langevin_sgd.reporting.sentences import sentences
from langevin_sgd.reporting.verdict_table import rows
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
        self.each: list[tuple[str, dict[str, str]]] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.each.append((tag, {name: value or "" for name, value in attrs}))
        self.references += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data", "action")]
        if tag not in self.VOID:
            self.open.append(tag)

    def of(self, *tags: str) -> list[dict[str, str]]:
        """The attributes of all elements of these kinds, in their order."""
        return [attrs for tag, attrs in self.each if tag in tags]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


PICTURE = Picture(b"png", "What it shows.", 'Variance of every mode. Horizontal: "eigenvalue".')


@pytest.fixture(scope="module")
def html(make_tree):
    config = "name: made_up\ndescription: a < b & c\n"
    return html_report.page(make_tree(failed=True), config=config, pictures={"mode_variance": PICTURE})


def test_the_page_needs_nothing_from_elsewhere(html):
    page = Page(html)
    assert all(reference.startswith(("data:", "#")) for reference in page.references)
    assert "script" not in page.tags
    assert "link" not in page.tags
    assert not re.search(r"@import|url\(|https?://", html)


def test_a_written_report_holds_its_figures_and_says_what_they_show(make_run):
    run = make_run()
    path = html_report.report(run)
    assert path == run / "report.html"
    page = Page(path.read_text(encoding="utf-8"))
    images = page.of("img")
    assert len(images) == 5 == len(list((run / "figures").glob("*.png")))
    for image in images:
        assert image["src"].startswith("data:image/png;base64,")
        assert len(image["alt"]) > 40
        assert "Vertical: " in image["alt"]
    assert len({image["alt"] for image in images}) == 5
    assert (run / "report.html").stat().st_size < 3_000_000


def test_headings_go_down_one_level_at_a_time_and_links_lead_somewhere(html, make_tree):
    for page in (Page(html), Page(html_report.page(make_tree(), config="", pictures={}))):
        levels = [int(tag[1]) for tag, _ in page.each if re.fullmatch("h[1-6]", tag)]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(later <= earlier + 1 for earlier, later in pairwise(levels))
        ids = [attrs["id"] for _, attrs in page.each if "id" in attrs]
        assert len(ids) == len(set(ids))
        assert {link["href"] for link in page.of("a")} <= {f"#{name}" for name in ids}


def test_the_keyboard_reaches_everything_in_the_order_of_the_page(html, make_tree):
    for page in (Page(html), Page(html_report.page(make_tree(), config="", pictures={}))):
        stops = [attrs for tag, attrs in page.each if tag in ("a", "summary") or "tabindex" in attrs]
        assert stops[0] == {"class": "skip", "href": "#found"}
        assert all(attrs.get("tabindex", "0") == "0" for attrs in stops)
        scrolled = [attrs for _, attrs in page.each if attrs.get("class") == "scroll"]
        assert scrolled
        assert all(attrs["tabindex"] == "0" and attrs["aria-label"] for attrs in scrolled)


def test_a_page_with_too_many_pictures_stays_small_and_says_how_to_draw_the_others(make_tree):
    pictures = {f"figure_{place}": replace(PICTURE, png=b"0" * 500_000) for place in range(9)}
    html = html_report.page(make_tree(), config="", run="runs/a b", pictures=pictures, left=["scan_far"])
    page = Page(html)
    assert len(html.encode()) < 3_000_000
    assert len(page.of("img")) == 4
    text = " ".join(" ".join(page.text).split())
    assert "6 more figures are drawn when asked for, by langevin-sgd plot 'runs/a b' NAME : figure_4, figure_5" in text
    assert "scan_far" in text


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


def test_it_goes_from_the_sentence_to_what_does_not_agree_contrasts_and_all_rows(html, make_tree):
    tree = make_tree(failed=True)
    table = tree[store.CHECKS].to_dataset()
    said = sentences(tree, table)
    assert html.index(escape(said[0].text)) < html.index("<img")
    every = rows(table)
    parts = [f'<section id="{key}">' for key in ("off", "contrasts", "figures", "rows", "models", "config")]
    order = [html.index(part) for part in parts if part in html]
    assert order == sorted(order)
    off = html[html.index('<section id="off">') : html.index('<section id="contrasts">')]
    wrong = [row for row in every if row.role == "law" and row.verdict != "agrees"]
    assert off.count('<tr class="numbers">') == len(wrong) > 0
    assert all(escape(row.reason) in off for row in wrong)
    assert "agrees" not in re.findall(r'<td class="badge (\w+)">', off)
    contrasts = html[html.index('<section id="contrasts">') : html.index('<section id="rows">')]
    assert set(re.findall(r'<td class="badge \w+">(.)', contrasts)) == {"("}
    (count,) = re.findall(r"(\d+) contrasts: ", contrasts)
    assert int(count) == sum(row.role == "contrast" for row in every)
    whole = html[html.index('<section id="rows">') : html.index('<section id="models">')]
    assert whole.count('<tr class="numbers">') == len(every)
    assert all(escape(row.reason) in whole for row in every)
    assert whole.count("<details>") == len({row.model for row in every})


def test_a_study_without_fault_says_so(make_tree):
    tree = make_tree().copy()
    table = tree[store.CHECKS].to_dataset()
    agreed = table.assign(verdict=("comparison", np.full(table.sizes["comparison"], "agrees")))
    tree[store.CHECKS] = xr.DataTree(agreed)
    assert "Every comparison with a law agrees." in html_report.page(tree, config="", pictures={})


def test_a_point_of_basins_is_headed_by_what_became_of_it():
    row = Comparison.from_assessment(
        inconclusive(0.3, 0.1, "far apart"), model="wells", quantity=agreement_on("left"), fault=Fault.NOT_EQUILIBRATED,
        law="other start", role="law", measured=0.3, standard_error=0.1, predicted=0.0, tolerance=0.01,
        eigenvalues=np.empty(0),
    )  # fmt: skip
    checks = to_dataset([replace(row, point="T=0.3")], level=0.05, not_compared=[])
    html = html_report.page(xr.DataTree.from_dict({store.CHECKS: checks}), config="", pictures={})
    assert ">wells at T=0.3: not equilibrated<" in html
    assert 'id="contrasts"' not in html


def test_both_colour_schemes_and_print_are_served(html):
    assert "prefers-color-scheme: dark" in html
    assert "@media print" in html


def test_folded_parts_are_printed_open(html):
    _, _, printed = html.partition("@media print")
    assert "<details>" in html
    assert "details::details-content { content-visibility: visible; block-size: auto; }" in printed
    assert "@supports not selector(::details-content)" in printed


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


def test_no_run_no_report(tmp_path):
    with pytest.raises(store.StoreError):
        html_report.report(tmp_path)
