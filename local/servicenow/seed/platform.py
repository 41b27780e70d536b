"""What the platform says of itself: choices, dictionary, policies, rules, properties, log."""

from typing import TYPE_CHECKING

from ..languages import translator
from ..rules.change import MODELS
from ..rules.policies import POLICIES, Policy
from ..store import DYNAMIC
from ..tables.columns import SYSTEM
from .ids import sys_id

if TYPE_CHECKING:
    from ..instance import Instance
    from ..schema import Table

_SYSTEM_NAMES = {column.name for column in SYSTEM}
_MANDATORY = {("incident", "caller_id"), ("task", "short_description"),
              ("sn_si_incident", "short_description")}  # fmt: skip
_TYPES = {
    "choice": "string", "date": "glide_date_time", "day": "glide_date",
    "duration": "glide_duration", "journal": "journal_input", "encrypted": "password2",
}  # fmt: skip
# Tables of the platform whose records are not imitated, but which the list of tables has.
_OTHER_TABLES = {
    "alm_asset": "Asset", "alm_hardware": "Hardware Asset", "ast_contract": "Contract",
    "bsm_chart": "BSM Map", "sys_email": "Email",
    "sys_audit": "Sys Audit", "sys_ui_policy": "UI Policy", "sys_script_include": "Script Include",
    "sysevent": "Event", "wf_workflow": "Workflow", "sys_scope": "Application",
}  # fmt: skip
_LOG_ROWS = 700


def fill(instance: "Instance") -> None:
    """Put the platform's own records in."""
    _fill_properties(instance)
    _fill_choices(instance)
    _fill_dictionary(instance)
    _fill_policies(instance)
    _fill_rules(instance)
    _fill_imports(instance)
    _fill_log(instance)
    for option, (label, script) in DYNAMIC.items():
        instance.put("sys_filter_option_dynamic", sys_id=option, label=label, script=script)


def _fill_log(instance: "Instance") -> None:
    """Put a log in that takes more than one page to read."""
    for number in range(_LOG_ROWS):
        instance.put(
            "syslog",
            sys_id=sys_id(f"log {number}"),
            level="0",
            source="com.glide.job",
            message=f"Scheduled job {number} completed",
        )


def _fill_properties(instance: "Instance") -> None:
    profile = instance.profile
    properties = {
        "glide.sys.default.tz": profile.time_zone,
        "glide.sys.language": profile.language,
        "glide.sys.date_format": profile.date_format,
        "glide.sys.time_format": profile.time_format,
        "instance_name": "simulator",
        "glide.servlet.uri": f"{instance.base_url}/",
        "glide.product.name": "ServiceNow",
        "com.glide.attachment.max_size": "1024",
        "glide.invalid_query.returns_no_rows": "false",
        **profile.properties,
    }
    for name, value in properties.items():
        instance.put("sys_properties", sys_id=sys_id(f"property {name}"), name=name, value=value)
    for language in profile.languages:
        instance.put(
            "sys_plugins",
            sys_id=sys_id(f"plugin {language}"),
            name=f"I18N: {language}",
            source=f"com.snc.i18n.{language}",
        )


def _fill_choices(instance: "Instance") -> None:
    for language in instance.profile.languages:
        translate = translator(language)
        for choices in instance.profile.all_choices():
            if choices.table not in instance.schema:
                continue
            for sequence, (value, english) in enumerate(choices.labels.items()):
                label = translate(english)
                # A language's plugin brings rows only for what it translates.
                if language != "en" and label == english:
                    continue
                instance.put(
                    "sys_choice",
                    sys_id=sys_id(f"choice {choices.table} {choices.column} {value} {language}"),
                    name=choices.table,
                    element=choices.column,
                    value=value,
                    label=label,
                    sequence=str(sequence),
                    inactive="false",
                    language=language,
                    dependent_value=choices.depends_on.get(value, ""),
                )


def _fill_dictionary(instance: "Instance") -> None:
    """Describe the tables; a column is defined once, in the table that brings it in."""
    with_choices = {(choices.table, choices.column) for choices in instance.profile.all_choices()}
    for table in instance.schema:
        instance.put(
            "sys_db_object",
            sys_id=sys_id(f"table {table.name}"),
            name=table.name,
            label=table.label,
            super_class=sys_id(f"table {table.extends}") if table.extends else "",
        )
        for element in _own_columns(instance, table):
            column = table.columns[element]
            names = {"sys_id": sys_id(f"column {table.name} {element}"), "name": table.name}
            instance.put(
                "sys_dictionary",
                **names,
                element=element,
                column_label=column.label,
                internal_type=_TYPES.get(column.kind, column.kind),
                reference=column.reference,
                max_length=str(column.length),
                default_value=column.default,
                mandatory=_flag((table.name, element) in _MANDATORY or column.mandatory),
                read_only=_flag(element in _SYSTEM_NAMES),
                display=_flag(element == table.display),
                choice="1" if (table.name, element) in with_choices else "",
            )
            for language in instance.profile.languages:
                label = translator(language)(column.label)
                if language == "en" or label != column.label:
                    instance.put(
                        "sys_documentation",
                        sys_id=sys_id(f"label {table.name} {element} {language}"),
                        name=table.name,
                        element=element,
                        label=label,
                        language=language,
                    )
    for name, label in _OTHER_TABLES.items():
        instance.put("sys_db_object", sys_id=sys_id(f"table {name}"), name=name, label=label)


def _own_columns(instance: "Instance", table: "Table") -> list[str]:
    if not table.extends:
        return list(table.columns)
    inherited = instance.schema.table(table.extends).columns
    return [name for name, column in table.columns.items() if inherited.get(name) != column]


def _fill_policies(instance: "Instance") -> None:
    own = [
        Policy(policy.table, policy.name, policy.condition, policy.mandatory)
        for policy in instance.profile.policies
    ]
    for policy in (*POLICIES, *own):
        if policy.table not in instance.schema:
            continue
        row = instance.put(
            "sys_data_policy2",
            sys_id=sys_id(f"policy {policy.table} {policy.name}"),
            model_table=policy.table,
            short_description=policy.name,
            conditions=policy.condition,
        )
        for field in policy.mandatory:
            instance.put(
                "sys_data_policy_rule",
                sys_id=sys_id(f"policy rule {policy.table} {policy.name} {field}"),
                sys_data_policy=row["sys_id"],
                table=policy.table,
                field=field,
                mandatory="true",
            )


def _fill_rules(instance: "Instance") -> None:
    for rule in instance.profile.business_rules:
        instance.put(
            "sys_script",
            sys_id=sys_id(f"rule {rule.table} {rule.name}"),
            name=rule.name,
            collection=rule.table,
            abort_action=_flag(not rule.restores),
            script="\n".join(f"current.{name} = previous.{name};" for name in rule.restores),
            action_insert=_flag(rule.insert),
            action_update=_flag(rule.update),
            filter_condition=rule.condition,
        )
    for kind, states in (MODELS | instance.profile.change_models).items():
        for state, targets in states.items():
            for target in targets:
                instance.put(
                    "sttrm_state_transition",
                    sys_id=sys_id(f"transition {kind} {state} {target}"),
                    sttrm_model=sys_id(f"model {kind}"),
                    from_state=state,
                    to_state=target,
                )


def _fill_imports(instance: "Instance") -> None:
    for imported in instance.profile.import_sets:
        row = instance.put(
            "sys_transform_map",
            sys_id=sys_id(f"map {imported.table}"),
            name=imported.name,
            source_table=imported.table,
            target_table=imported.target,
        )
        for source, target in imported.fields.items():
            instance.put(
                "sys_transform_entry",
                sys_id=sys_id(f"map {imported.table} {source}"),
                map=row["sys_id"],
                source_table=imported.table,
                source_field=source,
                target_table=imported.target,
                target_field=target,
                coalesce=_flag(target in imported.coalesce),
            )


def _flag(value: bool) -> str:  # noqa: FBT001 - it is what is written down
    return "true" if value else "false"
