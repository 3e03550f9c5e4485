"""Platform 3: one base, many adapters, the OpenAI API."""
