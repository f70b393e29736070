"""Texts of a config that name a member of a family, such as a scheme: its name, or "module:attribute" of one's own."""

from __future__ import annotations

from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from langevin_sgd.config.errors import choice, shown
from langevin_sgd.config.fields import own_import_path
from langevin_sgd.errors import UserError
from langevin_sgd.families import Family
from langevin_sgd.import_path import NotImported


class Named:
    """Annotates a field as the name of a member of a family: `Annotated[Text, Named(SCHEMES)]`.

    One of the user's own is imported when the config is read; while a finished run is read, none is without leave, and
    what it can do is asked of nobody.
    """

    def __init__(self, family: Family[Any]) -> None:
        self.family = family

    def _validated(self, name: str) -> str:
        if ":" not in name and name not in self.family:
            raise ValueError(f"unknown {self.family.word} {shown(name)}; {choice(name, self.family)}")
        try:
            if ":" in name:
                own_import_path(name)
            self.family[name]
        except NotImported:
            return name
        except UserError as error:
            raise ValueError(str(error)) from None
        return name

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Text, and the name of a member."""
        return core_schema.no_info_after_validator_function(self._validated, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """One of the names, or a path to one of the user's own."""
        return {"anyOf": [{"type": "string", "enum": list(self.family)}, {"type": "string", "pattern": ":"}]}
