"""What a user wants made of events: which ones, into what, and how often."""
