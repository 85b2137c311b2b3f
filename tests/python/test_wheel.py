# SPDX-License-Identifier: MIT
"""`pip install .` in a fresh environment: the wheel carries both libraries and works alone."""
import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from conftest import ROOT

pytest.importorskip("hatchling")

README_LINES = """
import mdl
m = mdl.convert("model.json")
m.predict(X); m.save("model.mdl")
"""


def clean_environment():
    """Without anything that would find this checkout."""
    return {key: value for key, value in os.environ.items()
            if key not in ("PYTHONPATH", "MDL_LIBRARY_DIR", "CFLAGS", "LDFLAGS")}


def pip(python, *arguments):
    done = subprocess.run([str(python), "-m", "pip", "--disable-pip-version-check", *arguments],
                          env=clean_environment(), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    to = tmp_path_factory.mktemp("wheel")
    pip(sys.executable, "wheel", "--no-build-isolation", "--no-deps", "--no-index", "-w", to, ROOT)
    [made] = to.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def fresh(wheel, tmp_path_factory):
    """The python of an environment with the wheel, and numpy lent by this one."""
    folder = tmp_path_factory.mktemp("fresh")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    pip(python, "install", "--no-index", "--no-deps", wheel)
    [packages] = folder.glob("lib/python*/site-packages")
    lent = folder / "lent"
    lent.mkdir()
    where = os.path.dirname(os.path.dirname(np.__file__))
    for name in os.listdir(where):
        if name == "numpy" or name.startswith("numpy") and name.endswith((".libs", ".dist-info")):
            (lent / name).symlink_to(os.path.join(where, name))
    (packages / "lent.pth").write_text(str(lent))
    return python


def test_the_wheel_holds_the_package_and_both_libraries(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    package = {f"mdl/{path.name}" for path in (ROOT / "bindings/python/mdl").glob("*.py")}
    assert package | {"mdl/py.typed", "mdl/lib/libmodel.so.1",
                      "mdl/lib/libmodel_import.so.1"} == {n for n in names if n[:4] == "mdl/"}
    assert any(name.endswith("/LICENSE") for name in names)


def test_the_wheel_fits_every_python_of_one_platform_and_needs_numpy_alone(wheel):
    assert "-py3-none-" in wheel.name and not wheel.name.endswith("-any.whl")
    archive = zipfile.ZipFile(wheel)
    [metadata] = [n for n in archive.namelist() if n.endswith("METADATA")]
    lines = archive.read(metadata).decode().splitlines()
    assert [line for line in lines if line.startswith("Requires-Dist")] == \
        ["Requires-Dist: numpy>=1.22"]
    assert "Name: libmdl" in lines
    [tags] = [n for n in archive.namelist() if n.endswith("/WHEEL")]
    assert "Root-Is-Purelib: false" in archive.read(tags).decode()


def test_the_lines_of_the_readme_work_in_a_fresh_environment(fresh, table_data, tmp_path):
    xgb = pytest.importorskip("xgboost")
    x, y = table_data
    booster = xgb.train({"objective": "binary:logistic"}, xgb.DMatrix(x, y["binary"]), 5)
    booster.save_model(tmp_path / "model.json")
    np.save(tmp_path / "x.npy", x)
    code = ("import numpy, sys; X = numpy.load('x.npy')" + README_LINES
            + "numpy.save('y.npy', m.predict_raw(X))\n"
              "assert 'xgboost' not in sys.modules\n"
              "assert mdl.load('model.mdl').predict(X).tolist() == m.predict(X).tolist()\n"
              "print(mdl.__file__)\n")
    done = subprocess.run([str(fresh), "-c", code], cwd=tmp_path, env=clean_environment(),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
    assert "site-packages" in done.stdout and str(ROOT) not in done.stdout
    theirs = booster.predict(xgb.DMatrix(x), output_margin=True)
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), theirs)


def test_the_sdist_holds_what_the_wheel_is_built_from(tmp_path):
    import tarfile
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", tmp_path],
                   cwd=ROOT, env=clean_environment(), check=True, stdout=subprocess.DEVNULL)
    [made] = tmp_path.glob("*.tar.gz")
    with tarfile.open(made) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    needed = [str(path.relative_to(ROOT)) for pattern in (
        "include/*.h", "lib/*.c", "lib/*/*.[ch]", "lib/*.map", "src/import/*.[ch]",
        "src/import/*.map", "bindings/python/mdl/*.py") for path in ROOT.glob(pattern)]
    assert len(needed) > 60
    assert set(needed) | {"pyproject.toml", "hatch_build.py", "LICENSE"} <= names


def test_a_missing_compiler_is_said(tmp_path):
    environment = clean_environment()
    environment["CC"] = "no-such-compiler"
    done = subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d",
                           tmp_path], cwd=ROOT, env=environment, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    assert done.returncode != 0 and "no-such-compiler" in done.stdout


def test_the_types_hold_under_mypy_strict():
    pytest.importorskip("mypy")
    done = subprocess.run([sys.executable, "-m", "mypy", "--cache-dir", os.devnull], cwd=ROOT,
                          env=clean_environment(), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
