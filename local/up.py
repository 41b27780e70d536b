"""`make up`: the whole product on this machine until Ctrl-C."""

import argparse
import shlex
import sys
import threading

from rich.console import Console

from local.cloud import ROOT, LocalCloud, LocalCloudError, stop_on_signals
from local.servicenow import seed
from local.servicenow.server import CONTAINERS_HOST

EMAIL = "ada@example.com"


def main() -> None:
    """Bring the local cloud up, say how to use it, and wait."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--for-containers",
        action="store_true",
        help="let `sam local invoke` in (see CONTRIBUTING.md)",
    )
    containers = parser.parse_args().for_containers
    console = Console(highlight=False)
    stop_on_signals()
    status = console.status("")
    try:
        with (
            status,
            LocalCloud(
                lambda step: status.update(f"{step} ..."), for_containers=containers
            ) as cloud,
        ):
            status.stop()
            _print_addresses(console, cloud)
            if containers:
                _print_container_command(console, cloud)
            threading.Event().wait()
    except KeyboardInterrupt:
        console.print("Stopped.")
    except LocalCloudError as error:
        sys.exit(str(error))


def _print_addresses(console: Console, cloud: LocalCloud) -> None:
    token = cloud.sign_in(EMAIL)
    sign_in_password = cloud.make_user(EMAIL)
    password, _, _ = seed.USERS[seed.INTEGRATION_USER]
    known = {
        "API": cloud.api_url,
        "TOKEN": token,
        "INSTANCE": cloud.simulator.url,
        "ACCOUNT": seed.INTEGRATION_USER,
        "PASSWORD": password,
    }
    lines = [
        "[bold]ActionSync runs here.[/bold] Ctrl-C stops everything.",
        "",
        f"API          {cloud.api_url}",
        f"Settings     {cloud.front.url}/settings",
        f"Webhooks     {cloud.front.url}, followed by a webhook's path; its url leads nowhere here",
        f"User         {EMAIL} / {sign_in_password}",
        "",
        f"ServiceNow   {cloud.simulator.url}, trusted through {cloud.simulator.ca_file}",
        *(
            f"  sign in    {user_name} / {secret}  ({', '.join(roles) or 'no roles'})"
            for user_name, (secret, roles, _) in seed.USERS.items()
        ),
        "",
        "For docs/first-ticket.md, and other guides:",
        "",
        "export " + " ".join(f"{name}={shlex.quote(value)}" for name, value in known.items()),
    ]
    for line in lines:
        console.print(line, soft_wrap=True)


def _print_container_command(console: Console, cloud: LocalCloud) -> None:
    template = cloud.write_sam_local_template().relative_to(ROOT)
    console.print("\nWith this machine's Docker, from another terminal:\n")
    console.print(
        f"sam local invoke -t {template} GetConfigFunction -e events/get_config/valid.json "
        f"--add-host {CONTAINERS_HOST}:host-gateway",
        soft_wrap=True,
    )
    console.print(
        f"In there, the simulator is https://{CONTAINERS_HOST}:{cloud.simulator.port}.",
        soft_wrap=True,
    )


if __name__ == "__main__":
    main()
