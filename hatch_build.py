# SPDX-License-Identifier: MIT
"""Builds both shared libraries with the C compiler and puts them into the wheel, in mdl/lib/.

    CC, CFLAGS, LDFLAGS   as make takes them; -O2 without

Needs a C compiler and nothing else: the libraries are lib/ and src/import/ compiled as they
are.  A wheel fits every Python 3 of its platform, since no file of it is an extension module.
"""
from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Dict, List

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FLAGS = ["-std=c11", "-fPIC", "-fvisibility=hidden", "-ffp-contract=off",
         "-fstack-protector-strong", "-fno-delete-null-pointer-checks", "-fno-strict-overflow"]
SO = "lib{}.so.1"


def compiler() -> List[str]:
    """The C compiler that was asked for, or the first there is."""
    asked = shlex.split(os.environ.get("CC", ""))
    if asked:
        return asked
    for name in ("cc", "gcc", "clang"):
        if shutil.which(name):
            return [name]
    raise RuntimeError("libmdl is built from C, and no C compiler was found (cc, gcc, clang). "
                       "Install one, or name it in CC.")


def run(command: List[str]) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise RuntimeError(f"{shlex.join(command)}\n{done.stdout}")


def compile_all(root: Path, sources: List[Path], to: Path) -> List[str]:
    """Object files of the sources, in their order."""
    cflags = shlex.split(os.environ.get("CFLAGS", "-O2"))
    include = [f"-I{root / folder}" for folder in ("include", "lib", "src")]

    def one(source: Path) -> str:
        made = to / (str(source.relative_to(root)).replace(os.sep, "_") + ".o")
        run([*compiler(), *FLAGS, *cflags, *include, "-c", "-o", str(made), str(source)])
        return str(made)

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return list(pool.map(one, sources))


def link(name: str, objects: List[str], exports: Path, to: Path, libraries: List[str]) -> Path:
    """A shared library that finds the other one beside itself."""
    made = to / SO.format(name)
    if sys.platform == "darwin":
        shared = ["-dynamiclib", "-install_name", f"@rpath/{made.name}",
                  "-Wl,-rpath,@loader_path"]
    else:
        shared = ["-shared", f"-Wl,-soname,{made.name}", f"-Wl,--version-script={exports}",
                  "-Wl,-rpath,$ORIGIN", "-Wl,-z,relro,-z,now,-z,noexecstack,-z,defs", "-Wl,-s"]
    run([*compiler(), *shared, *shlex.split(os.environ.get("CFLAGS", "-O2")),
         *shlex.split(os.environ.get("LDFLAGS", "")), "-o", str(made), *objects, *libraries])
    return made


def build(root: Path, to: Path) -> List[Path]:
    """libmodel and libmodel_import, built in folder `to`."""
    lib = sorted([*root.glob("lib/*.c"), *root.glob("lib/*/*.c")])
    importers = sorted([*root.glob("src/import/*.c"), *root.glob("src/optimize/*.c")])
    if not lib or not importers:
        raise RuntimeError(f"the C source of libmodel is not in {root}")
    objects = compile_all(root, lib + importers, to)
    lib_o, import_o = objects[:len(lib)], objects[len(lib):]
    base_o = [o for o, source in zip(lib_o, lib) if source.parent.name == "base"]
    model = link("model", lib_o, root / "lib/libmodel.map", to, [])
    return [model, link("model_import", import_o + base_o,
                        root / "src/import/libmodel_import.map", to, [str(model), "-lm"])]


def platform_tag() -> str:
    """linux_x86_64 and the like."""
    return sysconfig.get_platform().replace("-", "_").replace(".", "_")


class CustomBuildHook(BuildHookInterface):  # type: ignore[misc]
    def initialize(self, version: str, build_data: Dict[str, Any]) -> None:
        if self.target_name != "wheel" or version == "editable":
            return
        self.folder = tempfile.mkdtemp(prefix="libmdl-")
        libraries = build(Path(self.root), Path(self.folder))
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform_tag()}"
        for library in libraries:
            build_data["force_include"][str(library)] = f"mdl/lib/{library.name}"

    def finalize(self, version: str, build_data: Dict[str, Any], artifact_path: str) -> None:
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder, ignore_errors=True)
