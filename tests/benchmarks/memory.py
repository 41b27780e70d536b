"""What a function's memory size buys: a share of a core; what a call takes then, and costs."""

from tests.benchmarks.runtime import Subject
from tests.benchmarks.storm import DYNAMODB, SERVICENOW, WHOLE_CORE

SIZES = (128, 256, 512, 1024, 1769)
# US dollars in us-east-1 on x86-64 (Lambda pricing).
GB_SECOND, REQUEST = 0.0000166667, 0.20 / 1e6
# What a warm call of a function waits for, in seconds: calls to DynamoDB and to ServiceNow, as many
# as tests/integration/test_calls.py counts.
WAITS = {
    "show_page": 0.0,
    "get_config": DYNAMODB,
    "create_incident": 4 * DYNAMODB + SERVICENOW,
    "on_error": 10 * DYNAMODB + SERVICENOW,
}

INTRODUCTION = f"""\
## Memory size

Lambda gives a function a share of a core with its memory, a whole one at {WHOLE_CORE:,} MB. Here is the
CPU of above at that share; a warm call also waits, {DYNAMODB * 1000:.0f} ms for each call to DynamoDB and
{SERVICENOW * 1000:.0f} ms for ServiceNow, which is assumed. The first call follows the init, in which
modules are loaded.
"""  # noqa: E501 - shorter when filled in


def table(measured: dict[str, Subject]) -> str:
    """Return the table of sizes for the functions in WAITS, as Markdown."""
    sizes = " / ".join(f"{size:,}" for size in SIZES)
    lines = [
        INTRODUCTION,
        f"| at {sizes} MB | first call, ms | warm call, ms | a million warm calls, $ |",
        "|---|--:|--:|--:|",
    ]
    for name, waits in WAITS.items():
        subject = measured[name]
        first = subject.median("cold_cpu") - subject.median("loading")
        warm = subject.median("warm_cpu") / 1000
        shares = [size / WHOLE_CORE for size in SIZES]
        firsts = [first / share for share in shares]
        calls = [warm / share + waits for share in shares]
        prices = [
            (call * size / 1024 * GB_SECOND + REQUEST) * 1e6
            for call, size in zip(calls, SIZES, strict=True)
        ]
        lines.append(
            f"| {name} | {' / '.join(f'{each:,.0f}' for each in firsts)} "
            f"| {' / '.join(f'{each * 1000:,.0f}' for each in calls)} "
            f"| {' / '.join(f'{each:.2f}' for each in prices)} |"
        )
    return "\n".join([*lines, ""])
