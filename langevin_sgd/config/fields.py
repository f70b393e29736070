"""The types of config fields: strict numbers (no booleans, no quoted digits, no nan), names, references."""

from __future__ import annotations

import ast
import inspect
import itertools
import keyword
import re
import textwrap
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from langevin_sgd.config.errors import shown
from langevin_sgd.errors import UserError
from langevin_sgd.import_path import foreign, is_import_path
from langevin_sgd.paths import local

STEP_LIMIT = 2**56 - 1
"""Largest number of steps: the counter of the random generator keeps 56 bits for the step."""

REPLICA_LIMIT = 2**32 - 1
"""Largest number of replicas: the counter of the random generator keeps 32 bits for the trajectory."""

SEED_LIMIT = 2**64 - 1
"""Largest seed: it is the 64-bit key of the random generator."""

RESERVED_MODEL_NAMES = ("checks",)
"""Group names of a run directory that no model may take."""

_LONGEST_MODEL_NAME = 100  # it is part of the names of files

_STUDY_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", re.ASCII)


@dataclass(frozen=True)
class Entries:
    """Annotates a list of so many numbers with what they are, as messages say it: `[FIRST, LAST]`."""

    names: str


@dataclass(frozen=True)
class Holds:
    """Annotates a field with what it holds, as messages say it: "a name, or a list of names"."""

    words: str


class Section(BaseModel):
    """A mapping of the config: immutable, with no keys but the ones declared.

    What a string below a key says is the key's description in the JSON Schema.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The schema with its descriptions: read only now, as that takes the source of every section anew."""
        whole = handler(schema)
        properties = handler.resolve_ref_schema(whole).get("properties", {})
        for name, told in _described(cls).items():
            key = cls.model_fields[name].alias or name if name in cls.model_fields else name
            if key in properties:
                properties[key].setdefault("description", told)
        return whole


def _described(section: type) -> dict[str, str]:
    """The strings below the attributes of a class and of its bases, by attribute; none where no source is left."""
    found: dict[str, str] = {}
    for base in section.__mro__:
        if not issubclass(base, Section) or base is Section:
            continue
        try:
            body = ast.parse(textwrap.dedent(inspect.getsource(base))).body[0]
        except OSError:  # as of a class that was typed into an interpreter
            continue
        assert isinstance(body, ast.ClassDef)
        for attribute, below in itertools.pairwise(body.body):
            match attribute, below:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                    found.setdefault(name, inspect.cleandoc(text))
    return found


def own_import_path(text: str) -> str:
    """`text` if it is "module:attribute" and the module may be the user's own. Raises `ValueError` otherwise."""
    if not is_import_path(text):
        raise ValueError(f'must be "module:attribute", for example "my_package.my_module:make", got {shown(text)}')
    if reason := foreign(text):
        raise ValueError(f"cannot be {shown(text)}: {reason}")
    return text


def _model_name(text: str) -> str:
    if not (text.isascii() and text.isidentifier()) or keyword.iskeyword(text):
        plain = re.sub(r"\W", "_", text, flags=re.ASCII).strip("_") or "model"
        plain = f"model_{plain}" if plain[0].isdecimal() or keyword.iskeyword(plain) else plain
        raise ValueError(
            f"a model's name must be letters, digits and underscores, no digit first; rename it to {plain}"
        )
    if len(text) > _LONGEST_MODEL_NAME:
        raise ValueError(f"a model's name must have at most {_LONGEST_MODEL_NAME} characters, got {len(text)}")
    if text in RESERVED_MODEL_NAMES:
        raise ValueError(f'"{text}" is reserved for the results of the checks; rename the model')
    return text


def printable(text: str) -> bool:
    """Whether `text` can be written to YAML and read back: no control characters but newline and tab."""
    return all(character.isprintable() or character in "\n\t" for character in text)


def _printable(text: str) -> str:
    if not printable(text):
        raise ValueError("holds a character that cannot be printed; remove it")
    return text


def _study_name(text: str) -> str:
    if not _STUDY_NAME.fullmatch(text) or len(text) > 100:
        raise ValueError(
            "must be at most 100 letters, digits, dots, dashes and underscores, since it names the run directory"
        )
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty; leave the key out for the default")
    return text


def _local_folder(text: str) -> str:
    try:
        local(text)
    except UserError as error:
        raise ValueError(str(error).removeprefix(f"{text}: ")) from None
    return text


def _magnitude(number: float) -> float:
    if not 1e-100 <= number <= 1e100:
        raise ValueError(f"must be between 1e-100 and 1e+100, got {number:g}; choose other units")
    return number


Text = Annotated[str, Field(strict=True), AfterValidator(_printable)]
Flag = Annotated[bool, Field(strict=True)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
PositiveNumber = Annotated[Number, Field(gt=0)]
Magnitude = Annotated[PositiveNumber, AfterValidator(_magnitude)]
"""A length, an energy or their like: beyond, powers of it are no numbers; other units bring it back."""
NonNegativeNumber = Annotated[Number, Field(ge=0)]
OpenFraction = Annotated[Number, Field(gt=0, lt=1)]
WholeNumber = Annotated[int, Field(strict=True)]
PositiveWholeNumber = Annotated[WholeNumber, Field(ge=1, le=2**53)]
Steps = Annotated[WholeNumber, Field(ge=1, le=STEP_LIMIT)]
BurnIn = Annotated[WholeNumber, Field(ge=0, le=STEP_LIMIT)]
Replicas = Annotated[WholeNumber, Field(ge=1, le=REPLICA_LIMIT)]
RecordTimes = Annotated[WholeNumber, Field(ge=2, le=100_000)]
RECORD_TIMES = 64
"""How many logarithmically spaced times are recorded if a config does not say."""
GRADIENT_TOLERANCE = 1e-6
"""The gradient norm at which a minimum counts as found if nobody says."""
FirstLast = Annotated[tuple[Number, Number], Entries("[FIRST, LAST]")]
LowHigh = Annotated[tuple[Number, Number], Entries("[LOW, HIGH]")]
PositiveLowHigh = Annotated[tuple[PositiveNumber, PositiveNumber], Entries("[LOW, HIGH]")]
Seed = Annotated[WholeNumber, Field(ge=0, le=SEED_LIMIT)]

ImportPath = Annotated[Text, AfterValidator(own_import_path)]
ModelName = Annotated[Text, AfterValidator(_model_name)]
StudyName = Annotated[Text, AfterValidator(_study_name)]
Folder = Annotated[Text, AfterValidator(_not_blank)]
RunFolder = Annotated[Folder, AfterValidator(_local_folder)]
