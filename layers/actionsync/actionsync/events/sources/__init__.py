"""The sources of events: one file each verifies and translates what a sender sends."""
