"""What happens in a team's software, on its way to a ticket."""
