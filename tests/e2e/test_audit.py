"""The audit trail on the deployed stack: whole after many writers."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.cloud import LocalCloud
    from tests.e2e.conftest import User


def test_writers_at_once_are_all_recorded(
    cloud: "LocalCloud", new_user: "Callable[[], User]"
) -> None:
    """Eight calls at once of one user, with and without a key: each has one record, in pages."""
    user = new_user()
    user.connect(cloud)

    def create(number: int) -> int:
        body = {"short_description": f"Storm {number}"}
        key = {"Idempotency-Key": uuid.uuid4().hex} if number % 2 else {}
        return user.call("POST", "incidents", body, headers=key).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(create, range(16))) == {201}
    items: list[dict[str, str]] = []
    cursor = ""
    while True:
        page = user.call("GET", f"activity?limit=5{cursor}").json()
        items += page["items"]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert [item["action"] for item in items].count("created") == 16
    assert len({item["id"] for item in items}) == len(items) == 17
    assert {item["outcome"] for item in items} == {"done"}
    assert [item["at"] for item in items] == sorted((item["at"] for item in items), reverse=True)
