"""Users' ServiceNow connections: stored, changed, tested and used."""
