"""Gates: deployments that wait until their change is approved and its window is open."""
