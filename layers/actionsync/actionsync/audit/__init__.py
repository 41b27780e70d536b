"""The audit trail: what was done in a user's name, and what it says about how things fare."""
