from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest

from langevin_sgd.errors import UserError
from langevin_sgd.reporting.plots import drawn as plots

KINDS = ["mode_variance", "mode_prediction", "energy_distribution", "squared_displacement", "learning_curves"]


@pytest.fixture(scope="module")
def figures(make_tree):
    return plots.figures(make_tree(failed=True))


def labels(figure) -> list[str]:
    legends = [legend for axes in figure.axes if (legend := axes.get_legend()) is not None]
    return [text.get_text() for legend in legends for text in legend.get_texts()]


def test_there_is_one_figure_of_each_kind(figures):
    assert list(figures) == KINDS


def test_every_figure_names_its_axes_and_what_was_run(figures):
    for figure in figures.values():
        assert all(axes.get_ylabel() for axes in figure.axes)
        assert figure.axes[-1].get_xlabel()
        written = [text.get_text() for text in figure.axes[0].texts]
        assert any("η = 0.5, B = 16, μ = 0" in text for text in written)
        assert "network" in figure.axes[0].get_title(loc="left")
        assert figure.axes[0].get_legend() is not None


def test_modes_are_shown_against_every_law_and_the_simulations(figures):
    figure = figures["mode_variance"]
    assert {"discrete law", "continuum law", "isotropic law", "ou (simulation)"} <= set(labels(figure))
    assert labels(figure)[0].startswith("network")
    upper, lower = figure.axes
    assert (upper.get_xscale(), upper.get_yscale()) == ("log", "log")
    assert any("92 noise-free modes of 650" in text.get_text() for text in upper.texts)
    low, high = lower.get_ylim()
    assert low < 1 < high
    # the planted 5% too much is what the ratio shows
    means = next(c for c in lower.containers if c.get_label() == "network, mean over similar modes")
    np.testing.assert_allclose(np.mean(means.lines[0].get_ydata()), 1.05, atol=0.01)


def test_powers_of_ten_are_written_without_typesetting(figures):
    figure = figures["mode_variance"]
    plots.render(figure, "svg")
    ticks = [label.get_text() for axes in figure.axes for label in [*axes.get_xticklabels(), *axes.get_yticklabels()]]
    assert any(text.startswith("10⁻") for text in ticks), ticks
    assert not any("$" in text or "^" in text for text in ticks), ticks


def test_epoch_sampling_shows_its_law_beside_that_with_replacement(make_tree):
    figure = plots.figures(make_tree(sampling="epoch"), ["mode_variance"])["mode_variance"]
    assert {"epoch law", "discrete law, with replacement"} <= set(labels(figure))
    assert "ratio to the\nepoch law" in [axes.get_ylabel() for axes in figure.axes]


def test_the_density_of_a_law_has_unit_area(figures):
    upper = figures["energy_distribution"].axes[0]
    line = next(line for line in upper.lines if line.get_label() == "discrete law")
    np.testing.assert_allclose(np.trapezoid(line.get_ydata(), line.get_xdata()), 1.0, atol=2e-3)


def test_the_sup_distance_of_data_from_the_law_is_small_and_marked(figures):
    lower = figures["energy_distribution"].axes[1]
    (marked,) = [text.get_text() for text in lower.texts if "sup-distance" in text.get_text()]
    assert float(marked.split()[-1]) < 2.5 / np.sqrt(64 * 60)  # Kolmogorov: exceeded once in 100,000


def test_displacement_shows_drift_spread_prediction_and_models(figures):
    shown = set(labels(figures["squared_displacement"]))
    assert {"network", "network: spread over replicas", "network: drift of their mean", "spread, predicted"} <= shown
    assert {"ou (simulation)", "isotropic (simulation)"} <= shown


def test_learning_curves_show_training_and_test(figures):
    assert labels(figures["learning_curves"]) == ["training", "test"]


def test_several_networks_get_a_figure_each_and_share_no_simulation_run_otherwise(make_tree):
    drawn = plots.figures(make_tree(networks=2), ["mode_variance"])
    assert list(drawn) == ["mode_variance_network_1", "mode_variance_network_2"]
    assert "ou (simulation)" in labels(drawn["mode_variance_network_1"])
    assert "ou (simulation)" not in labels(drawn["mode_variance_network_2"])  # it ran at another learning rate


def test_several_networks_are_also_shown_together(make_tree):
    (figure,) = plots.figures(make_tree(networks=2), ["network_displacement"]).values()
    assert labels(figure)[:2] == ["network_1: η = 0.5, B = 16, μ = 0", "network_2: η = 0.25, B = 16, μ = 0"]
    assert figure.axes[0].get_xlabel()
    assert figure.axes[0].get_ylabel()


def test_models_without_a_network_get_figures_of_their_own(make_tree):
    tree = make_tree().filter(lambda node: node.attrs.get("kind") != "network")
    assert list(plots.figures(tree, ["mode_variance"])) == ["mode_variance_ou", "mode_variance_isotropic"]


def test_a_lone_replica_has_no_figure_of_its_variance(make_tree):
    tree = make_tree().copy()
    for name in ("mode_variance", "mode_variance_stderr", "spread", "spread_stderr"):
        tree["network"][name] = tree["network"][name] * np.nan
    drawn = plots.figures(tree)
    assert "squared_displacement" in drawn
    assert "mode_variance" not in drawn


def test_an_unknown_figure_names_the_nearest(make_tree):
    with pytest.raises(UserError, match="did you mean mode_variance"):
        plots.figures(make_tree(), ["mode_varience"])
    with pytest.raises(UserError, match="there are: mode_variance, mode_prediction, energy"):
        plots.figures(make_tree(), ["zzz"])


def test_matplotlib_is_left_as_it_was(make_tree):
    with mpl.rc_context({"font.size": 17.0}):
        plots.figures(make_tree(), ["learning_curves"])
        assert mpl.rcParams["font.size"] == 17.0


def test_settings_of_matplotlib_that_are_the_users_do_not_show(make_tree):
    def rendered() -> bytes:
        return plots.render(plots.figures(make_tree(), ["learning_curves"])["learning_curves"], "png")

    plain = rendered()
    with mpl.rc_context({"axes.facecolor": "red", "lines.marker": "o", "savefig.bbox": "tight"}):
        assert rendered() == plain


@pytest.mark.parametrize("format", plots.FORMATS)
def test_the_same_data_give_the_same_bytes(make_tree, format):
    first, second = (
        plots.render(plots.figures(make_tree(), ["learning_curves"])["learning_curves"], format) for _ in range(2)
    )
    assert first == second
    assert len(first) > 5000


def test_figures_go_into_the_run(make_run):
    run = make_run()
    (path,) = plots.plot(run, ["learning_curves"], format="pdf")
    assert path == run / "figures" / "learning_curves.pdf"
    assert path.read_bytes().startswith(b"%PDF")
    with pytest.raises(UserError, match="use png, pdf, svg"):
        plots.plot(run, format="gif")
