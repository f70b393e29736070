"""The `csv` data set: a table in a text file."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from langevin_sgd.config.fields import Holds, Text
from langevin_sgd.training.data.file_section import FileSection


def _columns(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Columns = Annotated[
    tuple[Text, ...], Field(min_length=1), BeforeValidator(_columns), Holds("the name of a column, or a list of names")
]


class CsvData(FileSection):
    """A table whose first line names its columns, one sample a line, all of them numbers but the names of classes."""

    LOAD: ClassVar[str] = "langevin_sgd.training.data.read_csv:load"
    name: Literal["csv"]
    """Always `csv`."""
    labels: Columns
    """The column of targets; or a list of several real ones. Classes may be words: they are numbered in their order."""
    inputs: Columns | None = None
    """Columns of inputs. null: all but those of the targets."""
    delimiter: Annotated[Text, Field(min_length=1, max_length=1)] = ","
    """What stands between columns."""
