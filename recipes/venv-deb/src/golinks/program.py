"""golinks: serves the words of a file."""

import argparse
from importlib.metadata import version
from pathlib import Path

from waitress import serve

from golinks.app import make_app
from golinks.settings import read_links


def main() -> None:
    parser = argparse.ArgumentParser(prog="golinks", description=__doc__)
    parser.add_argument("--version", action="version", version=f"golinks {version('golinks')}")
    parser.add_argument("--listen", default="127.0.0.1:8081", help="address and port (%(default)s)")
    parser.add_argument("--config", default="/etc/golinks.toml", type=Path, help="the words (%(default)s)")
    options = parser.parse_args()
    serve(make_app(read_links(options.config)), listen=options.listen)
