"""What the report says of the run itself: its name, its models, where and when it ran, and how verdicts are read."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import xarray as xr

from langevin_sgd.observables.scanned import dimensions
from langevin_sgd.progress import format_seconds
from langevin_sgd.reporting.html_tables import scrolled
from langevin_sgd.reporting.run_parameters import parameters
from langevin_sgd.reporting.verdict_table import plain
from langevin_sgd.study import store

_MEASURED = (
    ("noise_scale", "noise scale σ"),
    ("temperature", "temperature T"),
    ("thermal_energy", "thermal energy T/2"),
    ("effective_thermal_energy", "of the positions, T/2 over 1 − μ"),
    ("alpha", "exponent α of the structure function"),
    ("amplitude", "amplitude A of the structure function"),
    ("alignment", "alignment of H and C"),
    ("energy_at_minimum", "energy at the minimum"),
    ("gradient_norm_at_minimum", "gradient norm there"),
)
READING = """
<p>A comparison is an equivalence test with three answers. It <b>agrees</b> if its whole confidence interval lies inside
the tolerance, <b>disagrees</b> if the whole interval lies outside, and is <b>inconclusive</b> if the interval straddles
an edge or the run cannot tell; the reason then says what would settle it. Errors come from independent replicas, so
correlated frames are never counted as independent. Where smallness is predicted, as for the shift of the mean, the
number itself is compared with a bound; a number with an explicit sign is measured less predicted.</p>
<p>A <b>law</b> is claimed to be exact for the very process that ran, at the measured Hessian H and noise covariance C,
and counts towards the verdict of the study. A <b>contrast</b> is another law beside the same numbers, such as the
continuum limit or isotropic noise; that it fails is a finding and counts for nothing. A model that truly disagrees with
training is a finding too, not a failure of the run.</p>
<p>In the tables, 0.01234(12) means 0.01234 with a standard error of 0.00012.</p>
"""


def header(name: str, provenance: Mapping[str, Any]) -> str:
    """Name, description, seed, time and place."""
    config = provenance.get("config", {})
    facts = [f"seed {provenance['seed']}"] if "seed" in provenance else []
    if "started" in provenance:
        started = str(provenance["started"]).replace("T", " ").replace("+00:00", " UTC")
        facts.append(started)
    if "elapsed_seconds" in provenance and "device" in provenance:
        facts.append(f"{format_seconds(float(provenance['elapsed_seconds']))} on {provenance['device']}")
    description = f"<p>{escape(str(config['description']))}</p>" if config.get("description") else ""
    return f'<header><h1>{escape(name)}</h1>{description}<p class="quiet">{escape(" · ".join(facts))}</p></header>'


def models(tree: xr.DataTree) -> str:
    """One column a model: what it was run with, and what was measured on it."""
    found = {name: node.to_dataset(inherit=False) for name, node in tree.children.items() if name != store.CHECKS}
    columns = [_facts(model) for model in found.values()]
    labels = dict.fromkeys(label for column in columns for label in column)
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in found)
    lines = [
        f'<tr><th scope="row">{escape(label)}</th>'
        + "".join(f"<td>{escape(column.get(label, '–'))}</td>" for column in columns)
        + "</tr>"
        for label in labels
    ]
    return scrolled(f'<thead><tr><th></th>{head}</tr></thead><tbody class="facts">{"".join(lines)}</tbody>', "Models")


def _facts(model: xr.Dataset) -> dict[str, str]:
    facts = {"kind": str(model.attrs.get("kind", "–")), "status": str(model.attrs.get("status", "–"))}
    if parameters(model):
        facts["run with"] = parameters(model)
    if "disorder" in model.sizes:
        facts["disorders"] = f"{model.sizes['disorder']:,}"
    if "replica" in model.sizes:
        facts["replicas"] = f"{model.sizes['replica']:,}"
    if "ln_time" in model:
        first, last = model["ln_time"].values[[0, -1]]
        facts["ln t"] = f"{first:g} to {last:g}"
    if "step" in model:
        last = model["step"].isel(time=-1)
        counts = dict.fromkeys(f"{int(number):,}" for number in (last.min(), last.max()))
        facts["steps"] = "–".join(counts)
    if "evaluated" in model:
        facts["loss, energy and accuracy"] = _evaluations(model)
    if "noisy" in model:
        noisy = model["noisy"].isel(dict.fromkeys(dimensions(model), 0), missing_dims="ignore").values.astype(bool)
        facts["modes, of which noise-free"] = f"{noisy.size:,}, {noisy.size - int(noisy.sum()):,}"
    if "hessian_eigenvalue" in model and "learning_rate" in model:
        largest = model["hessian_eigenvalue"].max("mode")
        facts["largest eigenvalue of H, times η"] = f"{_span(largest)}, {_span(model['learning_rate'] * largest)}"
    if "transient_deficit" in model:
        facts["variance still missing in the window"] = f"{float(model['transient_deficit'].max()):.1%}"
    return facts | {label: _span(model[key]) for key, label in _MEASURED if key in model}


def _evaluations(model: xr.Dataset) -> str:
    """At how many of the recorded times they were evaluated, on how many samples, and in what arithmetic."""
    times = f"at {_span(model['evaluated'].sum('time'))} of {model.sizes['time']:,} recorded times"
    return f"{times}, {_span(model['evaluation_samples'])} samples, {_span(model['evaluation_bits'])} bits"


def _span(values: xr.DataArray) -> str:
    """A number, or the range of it over a scan."""
    low, high = plain(float(values.min())), plain(float(values.max()))
    return low if low == high else f"{low}–{high}"


def provenance(provenance: Mapping[str, Any]) -> str:
    """Versions, device, time: all that was recorded beside the config."""
    entries: list[tuple[str, str]] = []
    for key, value in provenance.items():
        if key == "config":
            continue
        text = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else str(value)
        entries.append((key.replace("_", " "), text if value is not None else "none"))
    listed = "".join(f"<dt>{escape(key)}</dt><dd>{escape(text)}</dd>" for key, text in entries)
    return f"<dl>{listed}</dl>"
