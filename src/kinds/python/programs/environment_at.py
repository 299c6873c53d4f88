"""Makes a virtual environment at the path where it will be used, and leaves nothing in it of how, when and where it was made.

Its argument is a file with one JSON object; its answer, on stdout, is another; whatever else is said goes to stderr. Scripts
get the interpreter's real path from pip itself, however long it is. Spec: PEP 376 and PEP 627 (RECORD), PEP 552 (.pyc files).
"""

import base64
import csv
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys

from environment import Refusal, check_installed, find_pip, install, make_environment, site_packages_of


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        job = json.load(file)
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        result = make(job)
    except Refusal as refusal:
        result = {"refused": refusal.answer}
    json.dump(result, answer)
    answer.close()


def make(job):
    interpreter = os.path.realpath(sys.executable)
    if not re.fullmatch(r"/usr/bin/python3\.\d+", interpreter) or not os.path.exists("/etc/debian_version"):
        raise Refusal(
            f"got the Python {interpreter}, want one that a package of the system brings, as /usr/bin/python3.11",
            "bake it on a base that is a suite: base: { suite: bookworm }",
        )
    pip_wheel = find_pip()
    python = make_environment(job["path"])
    if job["requirements"] is not None:
        install(python, job, ["--require-hashes", "--no-compile", "-r", job["requirements"]], pip_wheel)
    if job["application"] is not None:
        install(python, job, ["--no-deps", "--no-compile", job["application"]], pip_wheel)
    site_packages = site_packages_of(job["path"])
    check_installed(job["requires"], site_packages, job["shown"], "the application's requirement")
    clean(job["path"], site_packages)
    compile_all(python, site_packages)
    write_records(job["path"], site_packages)
    programs = sorted(entry for entry in os.listdir(os.path.join(job["path"], "bin")) if not entry.startswith(("activate", "python")))
    for entry in os.listdir(os.path.join(job["path"], "bin")):
        # Links out of the environment, which whoever packs it makes again.
        if entry.startswith("python") and os.path.islink(os.path.join(job["path"], "bin", entry)):
            os.unlink(os.path.join(job["path"], "bin", entry))
    return {"interpreter": interpreter, "programs": programs}


def clean(path, site_packages):
    """Where pip got a package from is a path of this bake; what other shells would read isn't used by a service."""
    for folder in metadata_folders(site_packages):
        for name in ("direct_url.json", "REQUESTED"):
            if os.path.exists(os.path.join(folder, name)):
                os.unlink(os.path.join(folder, name))
    for name in ("activate.csh", "activate.fish", "Activate.ps1"):
        if os.path.exists(os.path.join(path, "bin", name)):
            os.unlink(os.path.join(path, "bin", name))
    shutil.rmtree(os.path.join(path, "include"), ignore_errors=True)
    for folder, names, _ in os.walk(path):
        if "__pycache__" in names:
            shutil.rmtree(os.path.join(folder, "__pycache__"))


def compile_all(python, site_packages):
    """With the source's hash instead of its time: the same everywhere, and right even when somebody edits the source.

    What doesn't compile (for another Python, or a template) is left as it is, as pip does.
    """
    command = [python, "-m", "compileall", "-q", "-j", "1", "--invalidation-mode", "checked-hash", site_packages]
    env = {**os.environ, "PYTHONHASHSEED": "0"}
    subprocess.run(command, env=env, stdin=subprocess.DEVNULL, stdout=sys.stderr)


def metadata_folders(site_packages):
    return [os.path.join(site_packages, name) for name in sorted(os.listdir(site_packages)) if name.endswith(".dist-info")]


def write_records(path, site_packages):
    """RECORD says what is there now: what was removed isn't listed, what was compiled is."""
    compiled = {}
    for folder, _, names in os.walk(site_packages):
        if os.path.basename(folder) == "__pycache__":
            for name in names:
                source = os.path.join(os.path.dirname(folder), name.rsplit(".", 2)[0] + ".py")
                compiled.setdefault(source, []).append(os.path.join(folder, name))
    for folder in metadata_folders(site_packages):
        record = os.path.join(folder, "RECORD")
        with open(record, newline="", encoding="utf-8") as file:
            listed = [os.path.normpath(os.path.join(site_packages, row[0])) for row in csv.reader(file) if row]
        there = {one for one in listed if os.path.isfile(one)}
        there |= {one for source in there for one in compiled.get(source, ())}
        rows = [row_of(one, site_packages) for one in sorted(there - {record})]
        with open(record, "w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows([*rows, (os.path.relpath(record, site_packages), "", "")])


def row_of(path, site_packages):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for piece in iter(lambda: file.read(1 << 20), b""):
            digest.update(piece)
    encoded = base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()
    return (os.path.relpath(path, site_packages), f"sha256={encoded}", os.path.getsize(path))


main()
