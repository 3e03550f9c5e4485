"""The one client of OpenAI-compatible servers, for all who ask one."""
