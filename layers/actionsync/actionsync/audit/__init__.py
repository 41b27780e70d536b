"""The audit trail: what was done in a user's name, and the state of health that it shows."""
