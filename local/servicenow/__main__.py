"""`python -m local.servicenow`: a ServiceNow simulator until Ctrl-C."""

import argparse
import contextlib
import threading
from pathlib import Path

from local.servicenow import seed
from local.servicenow.server import Simulator


def main() -> None:
    """Serve until interrupted, and say where and for whom."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8443, help="where to listen (default: 8443)")
    parser.add_argument(
        "--certificates",
        type=Path,
        default=Path(".local/certificates"),
        help="where the certificate authority is kept (default: .local/certificates)",
    )
    arguments = parser.parse_args()
    with Simulator(arguments.port, arguments.certificates) as simulator:
        print(f"ServiceNow simulator at {simulator.url}, trusted through {simulator.ca_file}")
        for user_name, (password, roles, _) in seed.USERS.items():
            print(f"  {user_name} / {password}  ({', '.join(roles) or 'no roles'})")
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
