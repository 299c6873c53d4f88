"""Reads a wheel or sdist that was made elsewhere, all of it, and prints its core metadata as one JSON object.

Nothing of it is run or written, and none of it is believed: a file that is cut off, that unpacks without an end or that holds other
bytes than it says is refused. Specs: PEP 427, PEP 625, the core metadata specifications. Runs on Python 3.8 and newer.
"""

import base64
import csv
import hashlib
import io
import json
import re
import sys
import tarfile
import zipfile
import zlib

from environment import Refusal
from metadata import core_metadata

# What takes more room is made to fill somebody's disk; longer metadata no index could hold.
MOST_UNPACKED = 64 << 30
MOST_FILES = 1000000
LONGEST_METADATA = 4 << 20

NOT_BY_THE_BOOK = "ask whoever made the file for another"


def main():
    path, sort = sys.argv[1:3]
    try:
        result = wheel(path) if sort == "wheel" else sdist(path)
    except Refusal as refusal:
        result = {"refused": refusal.answer}
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError, ValueError, KeyError, csv.Error) as error:
        result = {"refused": {"code": "ARTIFACT_INVALID", "what": f"got a file that can't be read: {error}", "hint": NOT_BY_THE_BOOK}}
    json.dump(result, sys.stdout)


def wheel(path):
    with zipfile.ZipFile(path) as archive:
        infos = [info for info in archive.infolist() if not info.is_dir()]
        names = {info.filename for info in infos}
        check(len(infos) <= MOST_FILES and sum(info.file_size for info in infos) <= MOST_UNPACKED, "got a file that unpacks to more than anybody means")
        check(len(names) == len(infos), "got a wheel that has a file twice")
        folders = {name.split("/")[0] for name in names if re.fullmatch(r"[^/]+\.dist-info/METADATA", name)}
        if len(folders) == 0:
            return None
        check(len(folders) == 1, f"got {len(folders)} packages in one wheel")
        folder = folders.pop()
        check(f"{folder}/WHEEL" in names and f"{folder}/RECORD" in names, f"got a wheel without {folder}/WHEEL or RECORD")
        check_record(archive, infos, folder)
        about = core_metadata(short(archive, f"{folder}/WHEEL"))["record"]
        tags = re.findall(r"(?m)^Tag:[ \t]*([\w.]+-[\w.]+-[\w.]+)[ \t]*\r?$", short(archive, f"{folder}/WHEEL").decode())
        return {**core_metadata(short(archive, f"{folder}/METADATA")), "folder": folder, "tags": tags, "build": about.get("build")}


def check_record(archive, infos, folder):
    """Every file is read: its checksum is the archive's, and its digest what RECORD says."""
    rows = {row[0]: row[1] for row in csv.reader(io.StringIO(archive.read(f"{folder}/RECORD").decode())) if len(row) >= 2}
    for info in infos:
        name = info.filename
        check(not name.startswith("/") and ".." not in name.split("/"), f"got {name!r} in the wheel, want paths that stay inside")
        algorithm, _, want = rows.get(name, "").partition("=")
        digest = hashlib.new(algorithm) if algorithm in ("sha256", "sha384", "sha512") else hashlib.sha256()
        with archive.open(info) as source:
            for piece in iter(lambda: source.read(1 << 20), b""):
                digest.update(piece)
        got = base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()
        check(algorithm == "" or digest.name != algorithm or got == want, f"got other bytes of {name!r} than RECORD says")


def short(archive, name):
    check(archive.getinfo(name).file_size <= LONGEST_METADATA, f"got more than {LONGEST_METADATA} bytes of {name}")
    return archive.read(name)


def sdist(path):
    found, tops, size, count = None, set(), 0, 0
    with tarfile.open(path, "r|gz") as archive:
        for entry in archive:
            count, size = count + 1, size + entry.size
            check(count <= MOST_FILES and size <= MOST_UNPACKED, "got a file that unpacks to more than anybody means")
            parts = [part for part in entry.name.split("/") if part not in ("", ".")]
            check(".." not in parts and not entry.name.startswith("/"), f"got {entry.name!r} in the sdist, want paths that stay inside")
            tops.update(parts[:1])
            if len(parts) == 2 and parts[1] == "PKG-INFO" and entry.isfile():
                check(found is None, "got PKG-INFO twice")
                check(entry.size <= LONGEST_METADATA, f"got more than {LONGEST_METADATA} bytes of PKG-INFO")
                found = archive.extractfile(entry).read()
    if found is None:
        return None
    check(len(tops) == 1, f"got an sdist with {len(tops)} folders at its top, want 1")
    return {**core_metadata(found), "folder": tops.pop(), "tags": [], "build": None}


def check(is_right, what):
    if not is_right:
        raise Refusal(what, NOT_BY_THE_BOOK)


main()
