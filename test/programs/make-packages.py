# Makes one package of every sort for each of many versions, all of the same length: make-packages.py FOLDER VERSION...
# A .deb, an .rpm, a wheel, an npm package and a chart, as stock clients install them; greeter_VERSION... in FOLDER/VERSION/.
# rpmbuild runs once: the other versions have its header with another version in it, and the digests that fit.

import base64, gzip, hashlib, io, json, os, struct, subprocess, sys, tarfile, zipfile

folder, versions = sys.argv[1], sys.argv[2:]


def tarball(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path, text in files.items():
            entry = tarfile.TarInfo(path)
            if text is None:
                entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(entry)
            else:
                entry.size = len(text)
                archive.addfile(entry, io.BytesIO(text.encode()))
    return gzip.compress(out.getvalue(), 1, mtime=0)


def deb(version):
    control = f"Package: greeter\nVersion: {version}\nArchitecture: all\nMaintainer: Kiln examples <examples@kiln.invalid>\nDescription: greets\n"
    parents = {path: None for path in ("./", "./usr", "./usr/share", "./usr/share/greeter")}
    members = {
        "debian-binary": b"2.0\n",
        "control.tar.gz": tarball({"./": None, "./control": control}),
        "data.tar.gz": tarball({**parents, "./usr/share/greeter/version": version}),
    }
    head = "{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n"
    return b"!<arch>\n" + b"".join(
        head.format(name, 0, 0, 0, "100644", len(body)).encode() + body + b"\n" * (len(body) % 2)
        for name, body in members.items()
    )


def wheel(version):
    info = f"greeter-{version}.dist-info"
    files = {
        "greeter.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: greeter\nVersion: {version}\nRequires-Python: >=3.9\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: own\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    digest = lambda text: base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
    record = "".join(f"{path},sha256={digest(text)},{len(text)}\n" for path, text in files.items())
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for path, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(zipfile.ZipInfo(path), text)
    return out.getvalue()


def npm(version):
    manifest = json.dumps({"name": "@acme/greeter", "version": version, "license": "MIT", "main": "greeter.js"})
    return tarball({"package/package.json": manifest, "package/greeter.js": f"module.exports = '{version}';\n"})


def chart(version):
    config = "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: greeter }\ndata: { version: {{ .Chart.Version | quote }} }\n"
    about = f"apiVersion: v2\nname: greeter\nversion: {version}\ndescription: greets\n"
    return tarball({"greeter/Chart.yaml": about, "greeter/templates/config.yaml": config})


def rpmbuild(version):
    top = os.path.join(folder, "rpmbuild")
    os.makedirs(top)
    spec = os.path.join(top, "greeter.spec")
    with open(spec, "w") as file:
        file.write(
            f"Name: greeter\nVersion: {version}\nRelease: 1\nSummary: greets\nLicense: MIT\nBuildArch: noarch\n"
            "%description\nGreets.\n%install\nmkdir -p %{buildroot}/usr/share/greeter\n"
            "echo hello > %{buildroot}/usr/share/greeter/words\n%files\n/usr/share/greeter/words\n"
        )
    macros = {"_topdir": top, "_rpmdir": top, "_build_name_fmt": "made.rpm"}
    defined = [part for name, value in macros.items() for part in ("--define", f"{name} {value}")]
    subprocess.run(["rpmbuild", "-bb", "--quiet", *defined, spec], check=True, stdout=subprocess.DEVNULL)
    with open(os.path.join(top, "made.rpm"), "rb") as file:
        return file.read()


def header_end(rpm, start):
    count, size = struct.unpack(">II", rpm[start + 8 : start + 16])
    return start + 16 + 16 * count + size


def rpm_as(made, old, new):
    signed = header_end(made, 96)
    start = signed + -signed % 8
    end = header_end(made, start)
    header = made[start:end].replace(old.encode(), new.encode())
    front, payload = made[:start].replace(old.encode(), new.encode()), made[end:]
    sums = lambda of: {
        "sha256": hashlib.sha256(of).hexdigest().encode(),
        "sha1": hashlib.sha1(of).hexdigest().encode(),
        "md5": hashlib.md5(of + payload).digest(),
    }
    before, now = sums(made[start:end]), sums(header)
    for name in before:
        front = front.replace(before[name], now[name])
    return front + header + payload


made = rpmbuild(versions[0])
for version in versions:
    packages = {
        f"greeter_{version}_all.deb": deb(version),
        f"greeter-{version}-1.noarch.rpm": rpm_as(made, versions[0], version),
        f"greeter-{version}-py3-none-any.whl": wheel(version),
        f"acme-greeter-{version}.tgz": npm(version),
        f"greeter-{version}.tgz": chart(version),
    }
    os.makedirs(os.path.join(folder, version))
    for name, body in packages.items():
        with open(os.path.join(folder, version, name), "wb") as file:
            file.write(body)
