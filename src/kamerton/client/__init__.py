"""The client of OpenAI-compatible servers: hosts, proxies, retries, and requests side by side."""
