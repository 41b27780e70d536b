"""`make up`: the whole product on this machine until Ctrl-C."""

import json
import sys
import threading

from rich.console import Console

from local.cloud import LocalCloud, LocalCloudError, stop_on_signals
from local.servicenow import seed

EMAIL = "ada@example.com"


def main() -> None:
    """Bring the local cloud up, say how to use it, and wait."""
    console = Console(highlight=False)
    stop_on_signals()
    status = console.status("")
    try:
        with status, LocalCloud(lambda step: status.update(f"{step} ...")) as cloud:
            status.stop()
            _tell(console, cloud)
            threading.Event().wait()
    except KeyboardInterrupt:
        console.print("Stopped.")
    except LocalCloudError as error:
        sys.exit(str(error))


def _tell(console: Console, cloud: LocalCloud) -> None:
    token = cloud.sign_in(EMAIL)
    password, _, _ = seed.USERS[seed.INTEGRATION_USER]
    config = {
        "instance_url": cloud.simulator.url,
        "username": seed.INTEGRATION_USER,
        "password": password,
    }
    incident = {"short_description": "Checkout answers 500", "urgency": "high"}
    lines = [
        "[bold]ActionSync runs here.[/bold] Ctrl-C stops everything.",
        "",
        f"API          {cloud.api_url}",
        f"User         {EMAIL}",
        f"Token        {token}",
        "",
        f"ServiceNow   {cloud.simulator.url}, trusted through {cloud.simulator.ca_file}",
        *(
            f"  sign in    {user_name} / {secret}  ({', '.join(roles) or 'no roles'})"
            for user_name, (secret, roles, _) in seed.USERS.items()
        ),
        "",
        "Store the connection, then open an incident:",
        *(
            f"\ncurl -sS '{cloud.api_url}/api/servicenow/{path}'"
            f" -H 'Authorization: Bearer {token}'"
            f" -H 'Content-Type: application/json' -d '{json.dumps(body)}'"
            for path, body in (("config", config), ("incidents", incident))
        ),
    ]
    for line in lines:
        console.print(line, soft_wrap=True)


if __name__ == "__main__":
    main()
