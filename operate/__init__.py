"""`actionsync`: what acts on a deployed stack, for who runs it."""
