"""OpenAI's Images API over durable tasks: for apps whose base URL and key can be set."""
