"""A ServiceNow instance in memory, true to the REST APIs that integrations use.

`Simulator` serves it over https; `create_app` is the bare application. Each module names what it
imitates, and the pages of ServiceNow's documentation that it follows.
"""

from .app import create_app
from .faults import Fault, Faults
from .instance import Instance
from .profiles import Profile, load
from .server import Simulator

__all__ = ["Fault", "Faults", "Instance", "Profile", "Simulator", "create_app", "load"]
