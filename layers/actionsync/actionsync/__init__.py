"""ActionSync for ServiceNow: the application that the functions share."""
