"""A data set of the user's own in a config: a function that returns it."""

from __future__ import annotations

from typing import ClassVar

from langevin_sgd.training.data.section import DataSection


class OwnData(DataSection):
    """What a function of your own returns, a langevin_sgd.DataSet; `folder` is handed to it if it is given."""

    LOAD: ClassVar[str] = "langevin_sgd.training.data.from_function:load"
