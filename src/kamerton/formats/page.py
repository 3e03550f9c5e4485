"""One HTML page in one file: the frame and the stylesheet that all pages share.

A page asks for nothing over the network: its Content-Security-Policy allows only what stands in it.
"""

from html import escape
from importlib.resources import files

from kamerton.formats.language import current

_FRAME = """<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; \
style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
{style}
</style>
</head>
<body>
<main>
{body}
</main>
{scripts}
</body>
</html>
"""


def page(title: str, body: str, style: str = "", scripts: str = "") -> str:
    """A whole page; `title` is escaped, all else is HTML, CSS and script elements as they are.

    `style` comes after the shared stylesheet, whose custom properties (`--paper`, `--ink`,
    `--accent`, …) are the colours of every page.
    """
    shared = (files("kamerton.formats.templates") / "page.css").read_text("utf-8")
    return _FRAME.format(
        language=current(), title=escape(title), style=shared + style, body=body, scripts=scripts
    )
