"""Incidents and change requests, as their users ask for them."""
