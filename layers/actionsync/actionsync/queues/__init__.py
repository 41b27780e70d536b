"""Event functions: batches from the queues, and what becomes of each event."""
