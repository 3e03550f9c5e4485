"""E-mail addresses, told from what only looks like one: code, commands, addresses of servers."""

import re
from collections.abc import Iterator

Span = tuple[int, int]
_EMAIL = re.compile(
    r"(?<![\w.+%@-])[\w+%-](?:[\w.+%-]{0,62}[\w+%-])?@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+"
    r"(?:(?:xn--[a-z0-9-]{2,59}|[A-Za-z]{2,24})(?![A-Za-z0-9_@(\[])"
    r"|[^\W\d_A-Za-z]{2,24}(?![\w@(\[]))"
)
_TOP = re.compile(
    "com|org|net|edu|gov|mil|int|info|biz|name|pro|aero|coop|museum|jobs|mobi|travel|tel|cat"
    "|asia|post|xxx|arpa|test|example|invalid|academy|agency|app|art|bank|berlin|best|blog"
    "|business|cafe|capital|care|center|chat|church|city|cloud|club|codes|coffee|college"
    "|community|company|computer|consulting|contact|cool|dance|dental|design|dev|digital"
    "|direct|directory|earth|education|email|energy|engineering|estate|events|exchange|expert"
    "|express|family|farm|fashion|film|finance|fitness|foundation|fun|fund|games|gallery"
    "|global|gmbh|gold|group|guide|guru|health|help|host|hosting|house|institute|insurance"
    "|international|land|law|legal|life|live|llc|london|ltd|market|marketing|media|moscow"
    "|network|news|ngo|nyc|one|online|page|partners|photo|photography|place|plus|press"
    "|productions|properties|pub|realty|red|rent|report|review|reviews|rocks|run|sale|school"
    "|science|services|shop|show|site|social|software|solutions|space|store|studio|style"
    "|support|systems|tatar|team|tech|technology|tips|today|tools|top|tours|town|toys|trade"
    "|training|university|vip|voyage|wedding|wiki|work|works|world|wtf|xyz|yandex|zone"
)
"""Top-level domains that people's addresses have, beside those of countries (two letters)."""
_OF_URL = re.compile(r"://[^\s/@]*\Z")
_COMMAND = re.compile(
    r"\b(?:ssh|sftp|scp|rsync|mosh|sshfs|ssh-copy-id)"
    r"(?:\s+-{1,2}\w[\w-]*(?:[ =][\w./~:]+)?)*\s+[\"']?\Z"
)
_PATH = re.compile(r":(?:[\w.~-]*/|[\w.-]+\.git\b|~)")
"""What follows a server that files are copied from: `git@example.org:owner/name.git`."""
_OPERATOR_BEFORE = re.compile(r"[\w)\]]\s*[+*]\s*\Z")
_OPERATOR_AFTER = re.compile(r"\s*[+*]\s+[^\W\d]|[+*][^\W\d]")


def emails(text: str) -> Iterator[Span]:
    """Spans of addresses that a person or an office is written to at."""
    if "@" not in text:
        return
    for match in _EMAIL.finditer(text):
        top = match[0].rpartition(".")[2]
        before = text[max(0, match.start() - 80) : match.start()]
        if (
            ".." not in match[0]
            and (top.islower() or top.isupper())
            and (len(top) == 2 or not top.isascii() or "--" in top or _TOP.fullmatch(top.lower()))
            and not (_OF_URL.search(before) or _COMMAND.search(before))
            and not (_PATH.match(text, match.end()) or _OPERATOR_AFTER.match(text, match.end()))
            and not (_OPERATOR_BEFORE.search(before) or match[0].startswith("git@"))
        ):
            yield match.span()
