"""Sections of a config of which there are several kinds: which one a mapping is, a key of it says.

The kinds are the members of a family, so a config may also name one of another package by its entry point, or one of
the user's own as "module:Class". Each is imported when a config names it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, TypeVar, cast

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, PydanticKnownError, core_schema

from langevin_sgd import import_path, user_code
from langevin_sgd.config.errors import inconsistent
from langevin_sgd.config.fields import Section, own_import_path
from langevin_sgd.errors import UserError
from langevin_sgd.families import Family

Kind = TypeVar("Kind", bound=Section)


def is_own(section: type) -> bool:
    """Whether the class of a section is the user's own, and not of this package."""
    return section.__module__.partition(".")[0] != "langevin_sgd"


def path(section: type) -> str:
    """What a config calls a class of the user's own."""
    return f"{section.__module__}:{section.__qualname__}"


class Kinds(Generic[Kind]):
    """Annotates a field as a section of one of the kinds of a family: `Annotated[ModelSection, Kinds(MODELS)]`.

    `key` is the key that says which. With `by_name` a bare name stands for the mapping that holds nothing else. `named`
    is the kind of a mapping without the key, if it may be left out. A section of `functions` stands for a path to a
    function of the user's, which is imported when it is called and not when the config is read. With `unread` a kind
    that may not be imported while a run is read is one that only keeps what the config says of it. `formerly` are names
    by which old runs call kinds, and what they are called now.
    """

    def __init__(
        self,
        family: Family[type[Kind]],
        base: type[Kind],
        *,
        key: str = "kind",
        by_name: bool = False,
        named: str | None = None,
        functions: type[Kind] | None = None,
        unread: bool = False,
        formerly: Mapping[str, str] | None = None,
    ) -> None:
        self.family, self.base, self.key = family, base, key
        self.by_name, self.named, self._functions, self._unread = by_name, named, functions, unread
        self._formerly = {} if formerly is None else dict(formerly)

    def names(self) -> list[str]:
        """The kinds that there are, by name."""
        return list(self.family)

    def section(self, name: str) -> type[Kind]:
        """The section of one kind. Raises `UserError` in one line if there is none, or it cannot be imported."""
        if ":" not in name:
            return self.family[name]
        try:
            own_import_path(name)
        except ValueError as error:
            raise UserError(str(error)) from None
        return self._functions if self._functions is not None else self.family[name]

    def section_of(self, value: Any) -> type[Kind] | None:
        """The section that a mapping of the config would be read as; None if that cannot be said."""
        name = value.get(self.key, self.named) if isinstance(value, Mapping) else value if self.by_name else None
        if not isinstance(name, str) or not (":" in name or name in self.family):
            return None
        try:
            return self.section(name)
        except UserError:
            return None

    def _validated(self, value: Any) -> Kind:
        if isinstance(value, self.base):
            return value
        if self.by_name and isinstance(value, str):
            value = {self.key: value}
        if not isinstance(value, Mapping):
            raise PydanticKnownError("model_attributes_type")
        name = value.get(self.key, self.named)
        if isinstance(name, str) and name in self._formerly:
            if not import_path.reading():
                raise inconsistent([((self.key,), f"{name} is called {self._formerly[name]} now")])
            value = {**value, self.key: self._formerly[name]}
            name = value[self.key]
        if name is None:
            raise PydanticCustomError("union_tag_not_found", "no kind")
        if not isinstance(name, str) or not (":" in name or name in self.family):
            raise PydanticCustomError("union_tag_invalid", "unknown kind")
        try:
            section = self.section(name)
        except import_path.NotImported as error:
            if self._unread:
                known = {key: each for key, each in value.items() if key in self.base.model_fields}
                common = dict(self.base.model_validate(known))
                return cast(Kind, self.base.model_construct(**{**value, **common}))
            raise inconsistent([((self.key,), str(error))]) from None
        except UserError as error:
            raise inconsistent([((self.key,), str(error))]) from None
        try:
            return section.model_validate(value)
        except ValueError:  # a `ValidationError` among them: it says what is wrong with the keys
            raise
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # it may also call sys.exit
            if not is_own(section):
                raise
            told = f"{path(section)}: reading its keys failed: {user_code.told(error)}"
            raise inconsistent([((self.key,), told)]) from error

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validate by kind, and write what the kind writes."""
        return core_schema.no_info_plain_validator_function(
            self._validated,
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda section, info: section.model_dump(mode=info.mode, by_alias=info.by_alias), info_arg=True
            ),
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """One of the kinds by its keys, or any mapping that names one of the user's own."""
        kinds = dict(self.family.items()) | ({} if self._functions is None else {"": self._functions})
        each = [kind.__get_pydantic_json_schema__(kind.__pydantic_core_schema__, handler) for kind in kinds.values()]
        own = {
            "type": "object",
            "properties": {self.key: {"type": "string", "pattern": ":"}},
            "required": [self.key],
            "description": 'One of your own, "module:Class".',
        }
        alternatives = [*each, *([] if self._functions is not None else [own])]
        whole: JsonSchemaValue = {"anyOf" if self.named is not None else "oneOf": alternatives}
        if not self.by_name:
            return whole
        by_name = {"type": "string", "enum": self.names(), "description": "The kind with its default settings."}
        return {"anyOf": [by_name, {"type": "string", "pattern": ":"}, whole]}
