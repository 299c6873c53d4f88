"""Calls a project's PEP 517 backend in an environment of its own and writes the wheel or sdist in one fixed form.

Its argument is a file with one JSON object; its answer, on stdout, is another; whatever else is said goes to stderr. Works
in a folder of its own, on a copy of the source. Names, times, modes and order in the packed file are fixed here: PEP 427, PEP 625.
"""

import base64
import csv
import gzip
import hashlib
import io
import json
import os
import shutil
import stat
import subprocess
import sys
import tarfile
import time
import zipfile

from environment import Refusal, check_installed, find_pip, install, make_environment, site_packages_of
from metadata import core_metadata

# Run by the environment's Python. The working folder is no place for imports (PEP 517), nor is this program's.
RUNNER = """
import importlib, json, os, sys
job = json.loads(sys.argv[1])
sys.path[:] = job["path"] + [folder for folder in sys.path if folder != ""]
module, _, attributes = job["backend"].partition(":")
backend = importlib.import_module(module)
for attribute in filter(None, attributes.split(".")):
    backend = getattr(backend, attribute)
ask = getattr(backend, "get_requires_for_" + job["hook"], lambda settings: [])
answer = {"requires": ask(job["settings"])}
with open(job["answer"], "w") as file:
    json.dump(answer, file)
answer["file"] = getattr(backend, job["hook"])(job["out"], job["settings"])
with open(job["answer"], "w") as file:
    json.dump(answer, file)
"""

CACHE_MARKS = {"CACHEDIR.TAG", "pyvenv.cfg"}


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        job = json.load(file)
    answer = os.fdopen(os.dup(1), "w")
    # What backends and compilers print is for people.
    os.dup2(2, 1)
    try:
        result = build(job)
    except Refusal as refusal:
        result = {"refused": refusal.answer}
    json.dump(result, answer)
    answer.close()


def build(job):
    os.chdir(job["work"])
    copy_source(job)
    for path, text in job["stamped"].items():
        with open(os.path.join("source", path), "w", encoding="utf-8", newline="") as file:
            file.write(text)
    if job["history"]:
        make_history(job)
    pip_wheel = find_pip()
    environment = os.path.abspath("environment")
    python = make_environment(environment)
    if job["requirements"] is not None:
        install(python, job, ["--require-hashes", "--no-compile", "-r", job["requirements"]], pip_wheel)
    site_packages = site_packages_of(environment)
    check_installed(job["requires"], site_packages, job["shown"])
    made = call_backend(job, python, site_packages)
    out = os.path.basename(made)
    repack = repack_wheel if job["kind"] == "wheel" else repack_sdist
    metadata = repack(made, os.path.join(job["stage"], out), job["time"])
    return {"file": out, **describe(metadata, job)}


def copy_source(job):
    wheelhouse = job["wheelhouse"]

    def unwanted(folder, names):
        marked = [name for name in names if CACHE_MARKS & set(listed(os.path.join(folder, name)))]
        return {
            name
            for name in names
            if name in (".git", "__pycache__") or name in marked or os.path.join(folder, name) == wheelhouse
        }

    def copy(source, target):
        shutil.copyfile(source, target)
        os.chmod(target, 0o755 if os.stat(source).st_mode & 0o100 else 0o644)

    try:
        shutil.copytree(job["source"], "source", symlinks=True, ignore=unwanted, copy_function=copy)
    except shutil.Error as error:
        source, _, why = error.args[0][0]
        raise Refusal(f"got {os.path.relpath(source, job['source'])}, which can't be copied: {why}", "remove it in a build step") from error
    for folder, names, files in os.walk("source"):
        for name in [*names, *files, "."]:
            os.utime(os.path.join(folder, name), (job["time"], job["time"]), follow_symlinks=False)


def listed(folder):
    return os.listdir(folder) if os.path.isdir(folder) and not os.path.islink(folder) else ()


def make_history(job):
    """A repository of one commit: backends that ask version control which files belong to the project find their answer."""
    if shutil.which("git") is None:
        raise Refusal("got no git, which this project's backend asks for its files", "apt-get install git", code="TOOL_MISSING")
    date = f"{job['time']} +0000"
    who = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in (("NAME", "build"), ("EMAIL", "build@localhost"), ("DATE", date))}
    env = {**os.environ, **who}
    for arguments in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "--no-gpg-sign", "-m", "source"]):
        subprocess.run(["git", *arguments], cwd="source", env=env, check=True, stdin=subprocess.DEVNULL)


def call_backend(job, python, site_packages):
    project = os.path.normpath(os.path.join("source", job["from"]))
    os.mkdir("out")
    here = os.getcwd()
    task = {
        "backend": job["backend"],
        "path": [os.path.join(here, project, path) for path in job["backendPath"]],
        "hook": f"build_{job['kind']}",
        "settings": job["settings"],
        "out": os.path.join(here, "out"),
        "answer": os.path.join(here, "answer.json"),
    }
    result = subprocess.run([python, "-c", RUNNER, json.dumps(task)], cwd=project, env=environment_of(job, here), stdin=subprocess.DEVNULL)
    if os.path.exists("answer.json"):
        with open("answer.json") as file:
            answer = json.load(file)
        # What the backend asks for only now may be why it failed.
        check_installed(answer["requires"], site_packages, job["shown"])
    if result.returncode != 0:
        print(f"{job['backend']} failed with exit status {result.returncode}", file=sys.stderr)
        sys.exit(1)
    return os.path.join("out", answer["file"])


def environment_of(job, here):
    """The build's path is no part of what compilers write, so that another path gives the same bytes."""
    source = os.path.join(here, "source")
    env = {**os.environ, **job["env"], "PATH": f"{here}/environment/bin:{os.environ['PATH']}", "PYTHONHASHSEED": "0"}
    for name in ("CFLAGS", "CXXFLAGS"):
        env[name] = f"{os.environ.get(name, '')} -ffile-prefix-map={source}=.".strip()
    homes = [(source, "."), (os.environ.get("CARGO_HOME", f"{os.environ['HOME']}/.cargo"), "/cargo")]
    remap = [f"--remap-path-prefix={path}={name}" for path, name in homes]
    env["CARGO_NET_OFFLINE"] = "true"
    env["RUSTFLAGS"] = " ".join(filter(None, [os.environ.get("RUSTFLAGS"), *remap]))
    return env


def repack_wheel(path, out, epoch):
    """The same files: sorted, the metadata last and RECORD, written anew, the very last. Returns METADATA."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w") as new:
        infos = {info.filename: info for info in old.infolist() if not info.is_dir()}
        if len(infos) != sum(not info.is_dir() for info in old.infolist()):
            raise Refusal("got a wheel that has a file twice", "let the project's packages not overlap")
        records = [name for name in infos if name.count("/") == 1 and name.endswith(".dist-info/RECORD")]
        if len(records) != 1:
            raise Refusal(f"got a wheel with {len(records)} RECORD files, want 1", "the backend doesn't write wheels as PEP 427 has them")
        folder = records[0][: -len("RECORD")]
        # Clear of a zip's first and last year.
        stamp = max(time.gmtime(epoch)[:6], (1980, 1, 1, 0, 0, 0))
        rows = []
        for name in sorted(infos, key=lambda name: (name.startswith(folder), name)):
            if name == records[0]:
                continue
            if name.startswith("/") or ".." in name.split("/"):
                raise Refusal(f"got {name!r} in the wheel, want paths that stay inside", "correct what the project installs")
            if name in (f"{folder}RECORD.jws", f"{folder}RECORD.p7s"):
                # A signature over the backend's own RECORD.
                continue
            digest = hashlib.sha256()
            info = member(name, infos[name], stamp)
            with old.open(infos[name]) as source, new.open(info, "w", force_zip64=infos[name].file_size > 0x7FFF0000) as target:
                for piece in iter(lambda: source.read(1 << 20), b""):
                    digest.update(piece)
                    target.write(piece)
            encoded = base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()
            rows.append((name, f"sha256={encoded}", infos[name].file_size))
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([*rows, (records[0], "", "")])
        new.writestr(member(records[0], infos[records[0]], stamp), text.getvalue().encode())
        return old.read(f"{folder}METADATA")


def member(name, old, stamp):
    info = zipfile.ZipInfo(name, stamp)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.create_system = 3
    executable = (old.external_attr >> 16) & 0o111
    info.external_attr = (stat.S_IFREG | (0o755 if executable else 0o644)) << 16
    return info


def repack_sdist(path, out, epoch):
    """The same files: sorted, with one time, owner 0 and modes 0644 and 0755. Returns PKG-INFO."""
    with tarfile.open(path) as old:
        members = {os.path.normpath(entry.name): entry for entry in old.getmembers()}
        tops = {name.split("/")[0] for name in members}
        if len(tops) != 1 or any(name.startswith(("/", "..")) for name in members):
            raise Refusal(f"got an sdist with {len(tops)} folders at its top, want 1", "the backend doesn't write sdists as PEP 625 has them")
        with open(out, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=epoch) as packed:
            with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as new:
                for name in sorted(members):
                    add(old, new, members[name], name, epoch)
        info = members.get(f"{tops.pop()}/PKG-INFO")
        if info is None:
            raise Refusal("got an sdist without PKG-INFO", "the backend doesn't write sdists as PEP 625 has them")
        return old.extractfile(info).read()


def add(old, new, entry, name, epoch):
    made = tarfile.TarInfo(name)
    made.mtime = epoch
    made.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
    if entry.isdir():
        made.type = tarfile.DIRTYPE
        new.addfile(made)
    elif entry.issym():
        target = os.path.normpath(os.path.join(os.path.dirname(name), entry.linkname))
        if entry.linkname.startswith("/") or target.split("/")[0] != name.split("/")[0]:
            raise Refusal(f"got a link to {entry.linkname} at {name}, want one that stays inside the sdist", "copy what it points to in a build step")
        made.type, made.linkname = tarfile.SYMTYPE, entry.linkname
        new.addfile(made)
    elif entry.isfile() or entry.islnk():
        # A hard link is the file that it names: which of two names is the file depends on the order of a folder.
        source = old.extractfile(entry)
        made.size = source.seek(0, os.SEEK_END)
        source.seek(0)
        new.addfile(made, source)
    else:
        raise Refusal(f"got a device or pipe at {name}, want files, folders and links", "remove it in a build step")


def describe(metadata, job):
    from pip._vendor.packaging.version import InvalidVersion, Version

    described = core_metadata(metadata)
    try:
        same = Version(described["record"].get("version", "")) == Version(job["version"])
    except InvalidVersion:
        same = False
    return {**described, "sameVersion": same}


main()
