"""What a strict Content-Security-Policy refuses of a page."""

from __future__ import annotations

from html.parser import HTMLParser


class _Written(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        is_data = given.get("type") == "application/json"
        is_written = tag == "style" or (tag == "script" and "src" not in given and not is_data)
        refused = [name for name in given if name == "style" or name.startswith("on")]
        if is_written or refused or (given.get("href") or "").startswith("javascript:"):
            self.found.append(self.get_starttag_text() or tag)


def written_into(html: str) -> list[str]:
    """Return the tags of scripts and styles that stand in the page itself."""
    parser = _Written()
    parser.feed(html)
    return parser.found
