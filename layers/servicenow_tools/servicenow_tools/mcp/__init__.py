"""ServiceNow for assistants: tools and prompts of the Model Context Protocol (extra `[mcp]`)."""
