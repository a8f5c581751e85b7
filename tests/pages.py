"""What a strict Content-Security-Policy refuses of a page."""

from __future__ import annotations

from html.parser import HTMLParser


class _Written(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        is_data = attributes.get("type") == "application/json"
        is_written = tag == "style" or (tag == "script" and "src" not in attributes and not is_data)
        refused = [name for name in attributes if name == "style" or name.startswith("on")]
        if is_written or refused or (attributes.get("href") or "").startswith("javascript:"):
            self.tags.append(self.get_starttag_text() or tag)


def written_into(html: str) -> list[str]:
    """Return the tags of scripts and styles that stand in the page itself."""
    parser = _Written()
    parser.feed(html)
    return parser.tags
