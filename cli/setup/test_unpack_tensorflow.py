"""Tests of unpack_tensorflow.py on a small wheel of our own."""

import subprocess
import sys
import zipfile
from pathlib import Path

SCRIPT = Path(__file__).with_name("unpack_tensorflow.py")


def unpack(tmp_path: Path, members: list[str]) -> tuple[int, list[str], str]:
    wheel = tmp_path / "tensorflow_cpu-0.0.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for member in members:
            archive.writestr(member, member)
    folder = tmp_path / "out"
    run = subprocess.run([sys.executable, SCRIPT, wheel, folder], capture_output=True, text=True, check=False)
    found = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return run.returncode, found, run.stderr


def test_takes_the_libraries_and_c_headers_and_leaves_the_python_side(tmp_path):
    code, found, _ = unpack(
        tmp_path,
        [
            "tensorflow/libtensorflow_cc.so.2",
            "tensorflow/libtensorflow_framework.so.2",
            "tensorflow/include/tensorflow/c/c_api.h",
            "tensorflow/include/xla/tsl/c/tsl_status.h",
            "tensorflow/include/Eigen/Core",
            "tensorflow/python/ops.py",
            "tensorflow/python/libtensorflow_cc.so.2.py",
            "tensorflow_cpu-2.21.0.dist-info/METADATA",
        ],
    )
    assert code == 0
    assert found == [
        "METADATA",
        "include/tensorflow/c/c_api.h",
        "include/xla/tsl/c/tsl_status.h",
        "libtensorflow_cc.so.2",
        "libtensorflow_framework.so.2",
    ]


def test_a_wheel_without_the_libraries_is_an_error(tmp_path):
    code, found, stderr = unpack(tmp_path, ["tensorflow/libtensorflow_cc.so.2"])
    assert code == 1
    assert found == ["libtensorflow_cc.so.2"]
    assert "expected 2 libraries in the wheel, found 1" in stderr
