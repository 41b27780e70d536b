"""A ServiceNow simulator until Ctrl-C."""

import argparse
import contextlib
import sys
import threading
from pathlib import Path

from . import seed
from .profiles import load
from .server import Simulator


def main() -> None:
    """Serve until interrupted, and say where and for whom."""
    parser = argparse.ArgumentParser(prog="servicenow-simulator", description=__doc__)
    parser.add_argument("--port", type=int, default=8443, help="where to listen (default: 8443)")
    parser.add_argument(
        "--bind", default="127.0.0.1", help="the address to listen on (default: 127.0.0.1)"
    )
    parser.add_argument(
        "--certificates",
        type=Path,
        default=Path(".local/certificates"),
        help="the folder of the certificate authority (default: .local/certificates)",
    )
    parser.add_argument(
        "--profile",
        default="default",
        help="the habits of a release or company: default, older, german, or a TOML file",
    )
    parser.add_argument(
        "--few", action="store_true", help="a few tickets instead of those of a developer instance"
    )
    arguments = parser.parse_args()
    try:
        profile = load(arguments.profile)
    except (OSError, ValueError) as error:
        sys.exit(f"The profile {arguments.profile} cannot be used: {error}")
    with Simulator(
        arguments.port,
        arguments.certificates,
        arguments.bind,
        profile=profile,
        rich=not arguments.few,
    ) as simulator:
        print(f"ServiceNow simulator at {simulator.url}, trusted through {simulator.ca_file}")
        print(f"Profile: {profile.name}")
        for user_name, (password, roles, _) in seed.USERS.items():
            print(f"  {user_name} / {password}  ({', '.join(roles) or 'no roles'})")
        print(f"  OAuth: {seed.APPLICATION.client_id} / {seed.APPLICATION.client_secret}")
        sys.stdout.flush()
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
