from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from made_up_scans import ETAS, FAILED_AT, PENDING_AT, SIZES, a_map, a_row, study

from langevin_sgd.checks.verdicts.table import to_dataset
from langevin_sgd.observables.scanned import SCAN
from langevin_sgd.reporting.plots import drawn as plots
from langevin_sgd.reporting.plots.figure import Results
from langevin_sgd.reporting.plots.scan_map import scan_map
from langevin_sgd.reporting.plots.scan_panels import key_of, panels
from langevin_sgd.reporting.plots.scan_ratio import scan_ratio
from langevin_sgd.reporting.plots.style import style
from langevin_sgd.simulation import simulate


def results(tree: xr.DataTree) -> Results:
    models = {name: node.to_dataset(inherit=False) for name, node in tree.children.items() if name != "checks"}
    return Results(models, (), tree["checks"].to_dataset(inherit=False))


def drawn(of: Results):
    (subject,) = scan_map.subjects(of).values()
    with style():
        return scan_map(subject)


@pytest.fixture(scope="module")
def figure():
    return drawn(results(a_map()))


def shown(figure) -> list:
    return [axes for axes in figure.axes if axes.get_title(loc="left")]


def test_the_map_has_a_panel_for_every_model_and_the_contrasts_of_the_network(figure):
    titles = [axes.get_title(loc="left").strip() for axes in shown(figure)]
    assert titles == [f"{name}: total variance" for name in ("network", "ou", "isotropic", "network", "network")]
    below = [axes.texts[0].get_text() for axes in shown(figure)]
    assert below[0] == "over the discrete law"
    assert below[3:] == ["over the (continuum) law", "over the (isotropic) law"]
    assert all((axes.get_xlabel(), axes.get_ylabel()) == ("learning rate", "batch size") for axes in shown(figure))
    assert all((axes.get_xscale(), axes.get_yscale()) == ("log", "log") for axes in shown(figure))


def test_every_cell_says_its_number_and_verdict_and_colour_says_the_direction(figure):
    table = a_map()["checks"].to_dataset()
    chosen = (table.model == "network") & (table.role == "law")
    signs = {"agrees": "✓", "disagrees": "✗", "inconclusive": "?"}
    wanted = [
        f"{ratio:.2f}\n{signs[verdict]}"
        for ratio, verdict in zip(table.ratio.values[chosen], table.verdict.values[chosen], strict=True)
    ]
    network = shown(figure)[0]
    assert [text.get_text() for text in network.texts[1:]] == wanted
    mesh = network.collections[0]
    assert mesh.get_array().shape == (len(SIZES), len(ETAS))
    below, middle, above = mesh.get_cmap()(np.array([0.0, 0.5, 1.0]))
    assert below[2] > below[0]
    assert above[0] > above[2]
    assert middle[:3].min() > 0.9


def test_failed_points_are_hatched_and_those_to_come_dotted(figure):
    hatches = [patch.get_hatch() for patch in shown(figure)[1].patches if patch.get_hatch()]
    assert sorted(hatches) == ["...", "////"]
    assert figure.get_supxlabel().startswith("✓ agrees")


def test_the_panel_has_numbers_at_their_points():
    of = results(a_map())
    own = panels(of.scanned, of.table, keys=2)[1]
    assert own.ratio.shape == (len(ETAS), len(SIZES))
    np.testing.assert_allclose(np.nanmean(own.ratio), 1.0, atol=0.01)
    assert np.isnan(own.ratio[FAILED_AT])
    assert own.failed[FAILED_AT]
    assert own.pending[PENDING_AT]
    assert own.failed.sum() == own.pending.sum() == 1


def test_axes_of_names_and_of_equal_steps_are_not_logarithmic():
    model = xr.Dataset(
        coords={"sampling": np.array(["epoch", "with_replacement"]), "momentum": [0.5, 0.0]},
        attrs={SCAN: ["sampling", "momentum"]},
    )
    names, numbers = (key_of(model, dimension) for dimension in ("sampling", "momentum"))
    assert names.names == ("epoch", "with_replacement")
    np.testing.assert_array_equal(names.edges(), [-0.5, 0.5, 1.5])
    np.testing.assert_array_equal(numbers.positions, [0.0, 0.5])  # ascending, whatever the config's order
    assert not names.logarithmic
    assert not numbers.logarithmic
    rows = [
        a_row("ou", "discrete", 1.0 + 0.2 * momentum, sampling=sampling, momentum=momentum)
        for sampling in names.names for momentum in (0.5, 0.0)
    ]  # fmt: skip
    of = Results({"ou": model}, (), to_dataset(rows, level=0.05, not_compared=[]))
    (panel,) = panels(of.scanned, of.table, keys=2)
    np.testing.assert_allclose(panel.ratio, [[1.0, 1.1], [1.0, 1.1]])
    assert [tick.get_text() for tick in shown(drawn(of))[0].get_xticklabels()] == list(names.names)


def test_keys_that_vary_together_are_the_one_that_tells_points_apart_or_all_of_them():
    """Five points have places of their own where no key alone tells them apart; with one that does, it is that."""
    together = {"batch_size": [1, 8, 1, 8, 8], "learning_rate": [0.01, 0.01, 0.1, 0.1, 0.3]}
    model = xr.Dataset(
        coords={name: ("strength", values) for name, values in together.items()}, attrs={SCAN: ["strength"]}
    )
    key = key_of(model, "strength")
    assert key.names == ("1, 0.01", "8, 0.01", "1, 0.1", "8, 0.1", "8, 0.3")
    points = list(zip(*together.values(), strict=True))
    rows = [
        a_row("ou", "discrete", 1.0 + number / 10, batch_size=size, learning_rate=eta)
        for number, (size, eta) in enumerate(points)
    ]
    of = Results({"ou": model}, (), to_dataset(rows, level=0.05, not_compared=[]))
    (panel,) = panels(of.scanned, of.table, keys=1)
    np.testing.assert_allclose(panel.ratio[:, 0], [1.0, 1.1, 1.2, 1.3, 1.4])
    (subject,) = scan_ratio.subjects(of).values()
    with style():
        texts = [tick.get_text() for tick in shown(scan_ratio(subject))[0].get_xticklabels()]
    assert texts == [name.replace(", ", "\n") for name in key.names]
    apart = model.assign_coords(learning_rate=("strength", [0.5, 0.4, 0.3, 0.2, 0.1]))
    assert key_of(apart, "strength").columns == ("learning_rate",)
    assert not key_of(apart, "strength").names


def test_a_scan_that_ran_gets_both_figures_with_captions():
    tree = simulate(study())
    made = plots.figures(tree, ["scan_ratio", "scan_map", "scan"])
    assert set(made) == {"scan_ratio", "scan_map", "scan"}
    assert {"scan_ratio", "scan_map"} <= set(plots.captions(tree))
    legend = made["scan_ratio"].legends[0]
    assert [text.get_text() for text in legend.get_texts()] == ["4", "16"]
    assert all(len(plots.render(each, "png")) > 5000 for each in made.values())


def test_there_is_no_map_of_one_key_and_no_ratio_without_comparisons():
    tree = simulate(study(scan={"sgd.learning_rate": [0.1, 0.5]}))
    assert set(plots.figures(tree)) & {"scan_ratio", "scan_map"} == {"scan_ratio"}
    without = tree.filter(lambda node: node.name != "checks")
    assert not set(plots.figures(without)) & {"scan_ratio", "scan_map"}
