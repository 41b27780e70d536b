"""docs/costs.md: its numbers follow from its assumptions and its prices."""

import re

import pytest

from tests.template import ROOT

TEXT = (ROOT / "docs/costs.md").read_text()
USERS = (1, 1000, 1_000_000)


def row(name: str) -> list[str]:
    """Return the cells of a table's row, after its first one."""
    (line,) = [line for line in TEXT.splitlines() if line.startswith(f"| {name} |")]
    return [cell.strip().strip("*") for cell in line.strip("|").split("|")][1:]


def numbers(name: str) -> list[float]:
    """Return the numbers of a row of the assumptions."""
    return [float(cell) for cell in row(name)]


COUNTS = numbers("how many")
CALLS = sum(COUNTS)


def of_all(name: str) -> float:
    """Return how much of something a user needs in a month."""
    return sum(count * each for count, each in zip(COUNTS, numbers(name), strict=True))


GB_SECONDS = of_all("seconds of a function of 0.5 GB") * 0.5
AMOUNTS = {
    "Secrets Manager: the secret": 1.0,
    "Secrets Manager: reads": CALLS / 1e6,
    "Lambda: time": GB_SECONDS,
    "Lambda: invocations": CALLS / 1e6,
    "DynamoDB: writes": of_all("DynamoDB writes") / 1e6,
    "DynamoDB: reads": of_all("DynamoDB reads") / 1e6,
    "CloudWatch Logs": CALLS * 2 / 1e6,
    "SQS": of_all("SQS requests") / 1e6,
    "EventBridge": (COUNTS[1] + COUNTS[2]) / 1e6,
    "HTTP API": COUNTS[0] / 1e6,
}


def dollars(cell: str) -> float:
    """Return the amount in a cell."""
    found = re.match(r"\$([\d,]*\.?\d+)", cell)
    assert found, cell
    return float(found[1].replace(",", ""))


@pytest.mark.parametrize("name", AMOUNTS)
def test_a_row_is_amount_times_price(name: str) -> None:
    """For one, a thousand and a million users, to the digits that are shown."""
    price, *shown = row(name)
    for users, cell in zip(USERS, shown, strict=True):
        digits = len(cell.partition(".")[2])
        exact = users * AMOUNTS[name] * dollars(price)
        assert dollars(cell) == pytest.approx(exact, abs=0.51 * 10**-digits)


def test_the_sums_are_sums() -> None:
    """The last row is what all rows before it make."""
    for users, cell in zip(USERS, row("**in all**")[1:], strict=True):
        exact = users * sum(amount * dollars(row(name)[0]) for name, amount in AMOUNTS.items())
        digits = len(cell.partition(".")[2])
        assert dollars(cell) == pytest.approx(exact, abs=0.51 * 10**-digits)


def test_the_text_says_what_the_tables_say() -> None:
    """The amounts in the sentence under the assumptions, and the price of a thousand tickets."""
    writes, reads = of_all("DynamoDB writes"), of_all("DynamoDB reads")
    assert f"{GB_SECONDS:.0f} GB-seconds" in TEXT
    assert f"{CALLS:.0f} invocations, {writes:.0f} writes, {reads:.0f} reads" in TEXT
    assert f"{of_all('SQS requests'):.0f} SQS requests" in TEXT
    without_secret = sum(
        amount * dollars(row(name)[0])
        for name, amount in AMOUNTS.items()
        if not name.startswith("Secrets Manager")
    )
    assert f"{100 * without_secret:.1f} cents a user" in TEXT
    assert f"${without_secret / COUNTS[2] * 1000:.2f} for 1,000 tickets" in TEXT
