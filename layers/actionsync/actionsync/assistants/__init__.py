"""What an assistant sees and does in a stack: an owner's events, and tickets by way of it."""
