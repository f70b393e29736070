"""Deep layers keep much of the input: digits made again from the signals of each layer.

python analysis/gallery/11_reconstruction.py [RUN]
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from claims import Claim, Finding, of_mean
from matplotlib.figure import Figure
from running import main
from scipy import stats

CLAIM = Claim(
    name="reconstruction",
    title="Deep layers keep the input",
    source="Mahendran and Vedaldi 2015",
    says="images are made again from the signals of every layer of a trained convolutional network, the deeper the less "
    "exactly; deep layers still tell much of what was seen",
    expected="|x - x_n|^2/|x_n|^2 at most 0.1 from the first layer, growing with depth (rank correlation at least 0.8 in "
    "each network), and from the deepest layer before the outputs less than 0.9 of that of the mean image with a little "
    "noise, where the search starts",
)


def found(run: xr.DataTree) -> Finding:
    """Errors by layer, averaged over samples, with intervals over replicas."""
    model = run["network"]
    errors = model.reconstruction_error.mean("reconstructed_sample")
    start = float(model.reconstruction_start_error.mean())
    depth = errors.sizes["reconstructed_layer"]
    ranks = [float(stats.spearmanr(errors.reconstructed_layer, each).statistic) for each in errors.values]
    rows = [
        of_mean("rank correlation of error and depth", ranks, least=0.8),
        of_mean("error from the first layer", errors.isel(reconstructed_layer=0), most=0.1),
        of_mean("error from the deepest layer before the outputs, over the start's", errors[:, -2] / start, most=0.9),
        *(of_mean(f"error from layer {layer}", errors.sel(reconstructed_layer=layer)) for layer in range(2, depth)),
        of_mean("error from the outputs", errors[:, -1]),
        of_mean("error from the outputs, over the start's", errors[:, -1] / start),
        *(
            of_mean(
                f"layer {layer}: signal missed, log10 of it",
                np.log10(model.reconstruction_mismatch.sel(reconstructed_layer=layer).mean("reconstructed_sample")),
            )
            for layer in range(1, depth + 1)
        ),
        of_mean("training accuracy", model.train_accuracy[:, -1]),
    ]
    told = ", ".join(
        f"{100 * float(errors.sel(reconstructed_layer=layer).mean()):.2g}%" for layer in range(1, depth + 1)
    )
    seen = (
        f"Of the squares of a digit's pixels {told} are wrong as made from the signals of layers 1 to {depth}, the last of "
        f"which are the outputs, and {100 * start:.2g}% in the mean image with which the search begins."
    )
    return Finding(rows, _figure(model, start), seen)


def _figure(model: xr.DataTree, start: float) -> Figure:
    figure = Figure(figsize=(10.5, 4.6), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1, 1.25))
    axes = left.subplots()
    for each in model.reconstruction_error.mean("reconstructed_sample").values:
        axes.semilogy(model.reconstructed_layer, each, ".-", color="tab:blue", lw=0.8)
    axes.axhline(start, color="grey", ls="--", lw=0.8, label="mean image, where it starts")
    axes.set(title="error, mean over samples; a line a network", xlabel="layer", ylabel="|x - x_n|²/|x_n|²")
    axes.set_xticks(model.reconstructed_layer.values)
    axes.legend(frameon=False, fontsize=8)
    shown = min(5, model.sizes["reconstructed_sample"])
    side = int(np.sqrt(model.sizes["reconstructed_component"]))
    columns = ["sample", *(f"layer {layer}" for layer in model.reconstructed_layer.values[:-1]), "outputs"]
    pictures = right.subplots(shown, len(columns))
    for sample in range(shown):
        images = [model.reconstructed_input[sample], *model.reconstruction[0, :, sample]]
        for axis, image, name in zip(pictures[sample], images, columns, strict=True):
            axis.imshow(image.values.reshape(side, side), cmap="gray_r", vmin=0, vmax=1)
            axis.set(xticks=[], yticks=[])
            if sample == 0:
                axis.set_title(name, fontsize=8)
    right.suptitle("digits made from the signals of one network", fontsize=10)
    return figure


if __name__ == "__main__":
    main(CLAIM, found)
