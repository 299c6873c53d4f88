"""The words, as a TOML file has them."""

import tomllib
from pathlib import Path
from urllib.parse import urlsplit


def read_links(path: Path) -> dict[str, str]:
    """Word → address. Raises ValueError for what isn't a web address."""
    links = tomllib.loads(path.read_text()).get("links", {})
    for word, address in links.items():
        if not isinstance(address, str) or urlsplit(address).scheme not in ("http", "https"):
            raise ValueError(f"{path}: {word}: got {address!r}, want a web address")
    return links
