"""The product on one machine: a ServiceNow simulator and a local AWS. Never deployed."""
