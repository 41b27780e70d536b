"""Profiles: the habits of a release or a company, loaded from a file.

A profile is a TOML file of the model `Profile`. Built in are `default`, a current release, and
`older`, one of some years ago. Whoever finds that their own instance behaves otherwise writes
what differs into a file, and so lets others reproduce it.
"""

import tomllib
from dataclasses import replace
from importlib import resources
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from .. import tables as base
from ..schema import Choices, Column, Schema
from ..tables.imports import staging


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Numbers(_Model):
    """How a table counts: `INC0010001` is prefix INC, 7 digits, first 10001."""

    prefix: str
    digits: int = 7
    first: int = 1


class NewColumn(_Model):
    """A column that the company added."""

    label: str
    kind: str = "string"
    reference: str = ""
    length: int = 40
    default: str = ""


class PolicyOfCompany(_Model):
    """A data policy of the company's own."""

    table: str
    name: str = "Mandatory here"
    condition: str = ""
    mandatory: tuple[str, ...]


class BusinessRule(_Model):
    """A business rule that aborts what meets a condition, or sets columns back without a word.

    Attributes:
        table: the table it is for.
        name: its name.
        condition: the encoded query that a record meets to which it applies; empty for all.
        insert: whether it applies to new records.
        update: whether it applies to changes.
        restores: the columns that it sets back; without any it aborts.
    """

    table: str
    name: str
    condition: str = ""
    insert: bool = True
    update: bool = True
    restores: tuple[str, ...] = ()


class ImportSet(_Model):
    """A staging table with its transform map.

    Attributes:
        table: the staging table's name.
        name: the map's name.
        target: the table that its rows become records of.
        fields: the target's columns by the staging table's.
        coalesce: the target's columns by which a record is found again.
    """

    table: str
    name: str
    target: str
    fields: dict[str, str]
    coalesce: tuple[str, ...] = ()


class Roles(_Model):
    """Which roles let one read, write and delete a table's records."""

    readers: tuple[str, ...] | None = None
    writers: tuple[str, ...] | None = None
    deleters: tuple[str, ...] | None = None


class Profile(_Model):
    """The habits of a release or company.

    Attributes:
        name: what it is.
        language: the code of the language of users who chose none.
        languages: the languages whose plugins are active.
        time_zone: the zone of users who chose none.
        date_format: how dates are shown, as Java writes patterns.
        time_format: the same for times of day.
        properties: further system properties.
        numbers: how tables count.
        choices: labels by table, column and value; they take the place of the default ones.
        columns: columns that the company added, by table and name.
        hidden: columns that only administrators see, by table.
        without: columns that the instance does not have, by table.
        plugins_absent: tables that are absent because their plugin is.
        roles: who may read, write and delete, by table.
        policies: data policies besides the default ones.
        business_rules: rules that abort, or set columns back.
        import_sets: staging tables.
        change_models: by type and state, the states that a person may move a change to.
    """

    name: str
    language: str = "en"
    languages: tuple[str, ...] = ("en",)
    time_zone: str = "GMT"
    date_format: str = "yyyy-MM-dd"
    time_format: str = "HH:mm:ss"
    properties: dict[str, str] = Field(default_factory=dict)
    numbers: dict[str, Numbers] = Field(default_factory=dict)
    choices: dict[str, dict[str, dict[str, str]]] = Field(default_factory=dict)
    columns: dict[str, dict[str, NewColumn]] = Field(default_factory=dict)
    hidden: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    without: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    plugins_absent: tuple[str, ...] = ()
    roles: dict[str, Roles] = Field(default_factory=dict)
    policies: tuple[PolicyOfCompany, ...] = ()
    business_rules: tuple[BusinessRule, ...] = ()
    import_sets: tuple[ImportSet, ...] = ()
    change_models: dict[str, dict[str, tuple[str, ...]]] = Field(default_factory=dict)

    def tables(self) -> Schema:
        """Return the tables as the company has them."""
        schema = base.schema()
        for name in self.plugins_absent:
            schema.remove(name)
        for imported in self.import_sets:
            labels = {field: field.removeprefix("u_") for field in imported.fields}
            schema.add(staging(imported.table, imported.name, labels))
        for name, added in self.columns.items():
            schema.change(
                name,
                {
                    column: Column(
                        column, new.label, new.kind, new.reference, new.length, new.default
                    )
                    for column, new in added.items()
                },
            )
        for name, hidden in self.hidden.items():
            known = schema.table(name).columns
            schema.change(name, {column: replace(known[column], hidden=True) for column in hidden})
        for name, missing in self.without.items():
            schema.drop(name, missing)
        for name, numbers in self.numbers.items():
            schema.change(
                name, {}, prefix=numbers.prefix, digits=numbers.digits, first_number=numbers.first
            )
        for name, roles in self.roles.items():
            schema.change(name, {}, **roles.model_dump(exclude_none=True))
        return schema

    def all_choices(self) -> list[Choices]:
        """Return the choices of all columns."""
        own = [
            Choices(table, column, labels)
            for table, columns in self.choices.items()
            for column, labels in columns.items()
        ]
        replaced = {(choices.table, choices.column) for choices in own}
        return [
            choices for choices in base.choices() if (choices.table, choices.column) not in replaced
        ] + own


def load(profile: str | Path) -> Profile:
    """Return a profile.

    Args:
        profile: the name of a built-in one, or a TOML file.

    Raises:
        FileNotFoundError: there is no such profile.
        ValueError: the file is not a profile; the text says what is wrong.
    """
    built_in = resources.files(__package__) / f"{profile}.toml"
    text = (
        built_in.read_text("utf-8")
        if str(profile).isidentifier() and built_in.is_file()
        else Path(profile).read_text("utf-8")
    )
    return Profile.model_validate(tomllib.loads(text))
