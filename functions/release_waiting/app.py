"""The tick: each minute, prompts for the events that have waited long enough."""

from actionsync.wiring.tick import run_tick

lambda_handler = run_tick
