"""Personal data in texts: found and masked."""

from typing import Literal

Personal = Literal["email", "phone", "inn", "snils", "passport", "card", "name"]
"""Kinds of personal data; `name` needs the extra `kamerton[names]`."""
