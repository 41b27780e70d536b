"""A ServiceNow instance in memory, true to the REST APIs that integrations use.

`Simulator` serves it over https; `create_app` is the bare application. What is imitated, and from
which of ServiceNow's documentation pages, is said module by module.
"""

from local.servicenow.app import create_app
from local.servicenow.faults import Fault, Faults
from local.servicenow.instance import Instance
from local.servicenow.server import Simulator

__all__ = ["Fault", "Faults", "Instance", "Simulator", "create_app"]
