"""The HTTP API's side of the functions: routing, arguments, answers, problems."""
