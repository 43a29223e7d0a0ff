"""Takes the two C libraries and the C headers out of a TensorFlow wheel: unpack_tensorflow.py WHEEL FOLDER."""

import re
import shutil
import sys
import zipfile
from pathlib import Path

WANTED = re.compile(
    r"tensorflow/(?P<library>libtensorflow_(cc|framework)\.(so\.2|2\.dylib))$"
    r"|tensorflow/(?P<header>include/(tensorflow/c|tensorflow/core/platform|tsl/platform|xla/tsl/c)/.*\.h)$"
    r"|tensorflow[^/]*\.dist-info/(?P<about>METADATA|LICENSE)$"
)


def unpack(wheel: Path, folder: Path) -> int:
    """Unpacks the wanted members into `folder`; returns how many libraries there were."""
    libraries = 0
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            match = WANTED.match(member.filename)
            if match is None:
                continue
            target = folder / (match["library"] or match["header"] or match["about"])
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(member) as source, target.open("wb") as sink:
                shutil.copyfileobj(source, sink, 1 << 20)
            libraries += match["library"] is not None
    return libraries


if __name__ == "__main__":
    found = unpack(Path(sys.argv[1]), Path(sys.argv[2]))
    if found != 2:
        sys.exit(f"error: unpack_tensorflow: expected 2 libraries in the wheel, found {found}")
