"""A virtual environment filled from a wheelhouse: what the programs beside this one share.

Everything is installed from files whose hashes stand in the requirements; the network is closed. pip is the one that came
with Python: of the machine, or the wheel that makes virtual environments. Runs on Python 3.8 and newer.
"""

import glob
import os
import subprocess
import sys
import sysconfig
import venv


class Refusal(Exception):
    """What a person has to mend: `what` in one sentence, `hint` says how, `code` is one of Kiln's."""

    def __init__(self, what, hint, code="ARTIFACT_INVALID"):
        super().__init__(what)
        self.answer = {"code": code, "what": what, "hint": hint}


def find_pip():
    """A pip that can install into another environment: (module, None), or (None, the wheel that holds it)."""
    try:
        import pip
    except ImportError:
        pip = None
    if pip is not None and tuple(int(part) for part in pip.__version__.split(".")[:2]) >= (22, 3):
        return None
    import_folders = [sysconfig.get_config_var("WHEEL_PKG_DIR"), os.path.join(sysconfig.get_path("stdlib"), "ensurepip/_bundled")]
    for folder in filter(None, import_folders):
        for wheel in sorted(glob.glob(os.path.join(folder, "pip-*.whl"))):
            sys.path.insert(0, wheel)
            return wheel
    raise Refusal("got no pip beside python3, want one", "apt-get install python3-venv", code="TOOL_MISSING")


def make_environment(folder, **options):
    """An empty environment without pip in it. Returns its Python."""
    venv.EnvBuilder(with_pip=False, symlinks=True, **options).create(folder)
    return os.path.join(folder, "bin/python")


def install(python, job, arguments, pip_wheel):
    """pip install into the environment of `python`, from the wheelhouse alone. A failure is told in pip's own words."""
    own = [python, os.path.join(pip_wheel, "pip")] if pip_wheel else [sys.executable, "-m", "pip", "--python", python]
    options = ["--isolated", "--no-input", "--disable-pip-version-check", "--no-cache-dir", "--no-warn-script-location"]
    command = [*own, "install", *options, "--no-index", "--only-binary=:all:", "--find-links", job["wheelhouse"], *arguments]
    result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, stderr=subprocess.PIPE, text=True)
    sys.stderr.write(result.stderr)
    if result.returncode == 0:
        return
    raise Refusal(failure_of(result.stderr), hint_for(result.stderr, job))


def failure_of(text):
    """pip's errors; the last one says what is missing, the ones before what it looked at."""
    errors = [line[len("ERROR: "):] for line in text.splitlines() if line.startswith("ERROR: ")]
    return errors[-1] if errors else (text.strip().splitlines() or ["pip failed and said nothing"])[-1]


def hint_for(text, job):
    shown = job["shown"]
    fill = "python3 -m pip download --require-hashes -r {requirements} -d {wheelhouse}".format(**shown)
    if "DO NOT MATCH THE HASHES" in text:
        return "a file in {wheelhouse} isn't the one that {requirements} was locked with: fetch it anew, or lock anew".format(**shown)
    if "require-hashes" in text:
        return "pin everything in {requirements} with == and --hash, as `pip-compile --generate-hashes` and `uv export` do".format(**shown)
    if "No matching distribution" not in text:
        return "the log has all that pip said"
    return f"add it to {shown['requirements']} if it isn't there, and let a fetch step fill the wheelhouse: {fill}"


def check_installed(requirements, site_packages, shown, what="the build requirement"):
    """Refuses unless every requirement (PEP 508) is met by what is installed."""
    from importlib.metadata import distributions

    from pip._vendor.packaging.requirements import InvalidRequirement, Requirement
    from pip._vendor.packaging.utils import canonicalize_name

    present = {canonicalize_name(found.metadata["Name"]): found.version for found in distributions(path=[site_packages])}
    for text in requirements:
        try:
            wanted = Requirement(text)
        except InvalidRequirement as error:
            raise Refusal(f"got {what} {text!r}, which isn't one: {error}", "correct it in the project's metadata") from error
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            continue
        version = present.get(canonicalize_name(wanted.name))
        if version is not None and wanted.specifier.contains(version, prereleases=True):
            continue
        got = "nothing" if version is None else f"{wanted.name} {version}"
        raise Refusal(
            f"got {got} in {shown['requirements']} for {what} {text}",
            f"add it to {shown['requirements']}, with its hashes and all that it requires",
        )


def site_packages_of(folder):
    return sysconfig.get_path("purelib", vars={"base": folder, "platbase": folder}, scheme=_scheme())


def _scheme():
    return "venv" if "venv" in sysconfig.get_scheme_names() else "posix_prefix"
