"""ServiceNow from Python."""
