"""What the claims project downloads, clones and installs: made here, byte for byte the same every time.

    sources.make(directory) -> {file name: "sha256:..."}
"""

import hashlib
import io
import os
import subprocess
import tarfile
import zipfile

CONFIGURE = """#!/bin/sh
prefix=${1#--prefix=}
echo "prefix=$prefix" > config.status
printf 'install:\\n\\tmkdir -p %s/share\\n\\tcp payload %s/share/payload\\n' "$prefix" "$prefix" > Makefile
"""


def make(directory):
    os.makedirs(directory)
    tar(directory + "/sample.tar", [
        ("sample-1/", None, 0o755),
        ("sample-1/plain.txt", b"plain\n", 0o644),
        ("sample-1/run", b"#!/bin/sh\n", 0o755),
        ("sample-1/._fork", b"fork\n", 0o644),
        ("sample-1/inner/", None, 0o755),
        ("sample-1/inner/deep.txt", b"deep\n", 0o644),
    ], link=("sample-1/link", "plain.txt"))
    tar(directory + "/cmmi-1.0.tar", [
        ("cmmi-1.0/", None, 0o755),
        ("cmmi-1.0/configure", CONFIGURE.encode(), 0o755),
        ("cmmi-1.0/payload", b"payload\n", 0o644),
    ])
    with zipfile.ZipFile(directory + "/sample.zip", "w") as archive:
        for name, data in (("zipped.txt", b"zipped\n"), ("inner/deep.txt", b"deep\n")):
            info = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
            info.external_attr = 0o640 << 16
            info.create_system = 3
            archive.writestr(info, data)
    wheel(directory)
    repository(directory + "/upstream")
    names = [name for name in os.listdir(directory) if name.endswith((".tar", ".zip"))]
    return {name: "sha256:" + digest(directory + "/" + name) for name in sorted(names)}


def tar(path, members, link=None):
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data, mode in members:
            info = tarfile.TarInfo(name.rstrip("/"))
            info.mode, info.mtime = mode, 1577836800
            if data is None:
                info.type = tarfile.DIRTYPE
                archive.addfile(info)
            else:
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
        if link:
            info = tarfile.TarInfo(link[0])
            info.type, info.linkname, info.mtime = tarfile.SYMTYPE, link[1], 1577836800
            archive.addfile(info)


def wheel(directory):
    dist = "claimed-1.0.dist-info"
    files = {
        "claimed/__init__.py": b"VERSION = 1\n",
        dist + "/METADATA": b"Metadata-Version: 2.1\nName: claimed\nVersion: 1.0\n",
        dist + "/WHEEL": b"Wheel-Version: 1.0\nGenerator: claims\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(name + ",,\n" for name in files) + dist + "/RECORD,,\n"
    with zipfile.ZipFile(directory + "/claimed-1.0-py3-none-any.whl", "w") as archive:
        for name, data in {**files, dist + "/RECORD": record.encode()}.items():
            archive.writestr(name, data)


def repository(directory):
    os.makedirs(directory)
    with open(directory + "/README", "w") as f:
        f.write("read me\n")
    with open(directory + "/.gitignore", "w") as f:
        f.write("*.log\n")
    git = ["git", "-C", directory, "-c", "user.name=claims", "-c", "user.email=claims@example.org"]
    for arguments in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "One"]):
        subprocess.run(git + arguments, check=True)


def digest(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()
