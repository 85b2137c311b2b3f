# SPDX-License-Identifier: MIT
"""_lib.py against the headers: every function with its arguments, every struct as C lays it out,
every constant."""
import ctypes
import re
import shutil
import subprocess

import pytest
from conftest import ROOT

from mdl import _lib

HEADERS = ["mdl.h", "mdl_build.h", "mdl_import.h"]
FUNCTION = re.compile(r"MDL_API\s+(?P<result>[\w\s\*]+?)(?P<name>mdl_\w+)\s*\((?P<args>.*?)\)\s*;",
                      re.S)
STRUCT = re.compile(r"typedef struct (mdl_\w+) \{(.*?)\} \1;", re.S)
DEFINE = re.compile(r"#define MDL_(\w+)\s+(.+)")


def without_comments(text):
    return re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.S)


def headers():
    return without_comments("\n".join((ROOT / "include" / name).read_text() for name in HEADERS))


def declared():
    """Name of each function: its result and arguments as C text."""
    found = {}
    for match in FUNCTION.finditer(headers()):
        args = " ".join(match["args"].split())
        found[match["name"]] = (" ".join(match["result"].split()),
                                [] if args == "void" else [a.strip() for a in args.split(",")])
    return found


KNOWN = {**_lib.MODEL, **_lib.IMPORT}


def test_no_function_of_the_headers_is_missing_and_none_is_invented():
    names = set(declared())
    assert len(names) > 60
    assert names == set(KNOWN)


def width_of(type_):
    return 0 if type_ is None else ctypes.sizeof(type_)


def c_width(text):
    """Bytes of a result or argument as C text; arrays are pointers."""
    if "*" in text or "[" in text or text.startswith("mdl_progress"):
        return ctypes.sizeof(ctypes.c_void_p)
    word = re.sub(r"\bconst\b", "", text).split()[0]
    return {"void": 0, "double": 8, "size_t": 8, "mdl_status": 4, "int": 4, "int32_t": 4,
            "uint32_t": 4, "int64_t": 8, "uint64_t": 8}[word]


@pytest.mark.parametrize("name", sorted(declared()))
def test_a_function_takes_and_gives_what_its_header_says(name):
    result, args = declared()[name]
    mine_result, mine = KNOWN[name]
    assert len(mine) == len(args), f"{name}({', '.join(args)})"
    assert width_of(mine_result) == c_width(result)
    for text, type_ in zip(args, mine):
        assert width_of(type_) == c_width(text), f"{name}: {text}"
        is_real = re.sub(r"\bconst\b", "", text).split()[0] == "double" and "*" not in text
        assert (type_ is ctypes.c_double) == is_real, f"{name}: {text}"


def structs():
    return {match[1]: re.findall(r"(\w+)\s*(?:\[\w+\])?\s*[;,)]", re.sub(
        r"\(\*(\w+)\)\([^)]*\)", r" \1", match[2])) for match in STRUCT.finditer(headers())}


@pytest.fixture(scope="session")
def layout(tmp_path_factory):
    """sizeof each struct and offset and size of each field, as the C compiler says."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    assert compiler, "a C compiler is needed"
    folder = tmp_path_factory.mktemp("layout")
    lines = ['#include "mdl_import.h"', "#include <stdio.h>", "int main(void) {"]
    for name, fields in structs().items():
        lines.append(f'printf("{name} . %zu 0\\n", sizeof({name}));')
        for field in fields:
            lines.append(f'printf("{name} {field} %zu %zu\\n", offsetof({name}, {field}), '
                         f"sizeof((({name} *)0)->{field}));")
    source = folder / "layout.c"
    source.write_text("\n".join(lines + ["return 0; }"]))
    subprocess.run([compiler, f"-I{ROOT / 'include'}", "-o", folder / "layout", source], check=True)
    said = subprocess.run([folder / "layout"], check=True, stdout=subprocess.PIPE, text=True).stdout
    made = {}
    for line in said.splitlines():
        name, field, offset, size = line.split()
        made.setdefault(name, {})[field] = (int(offset), int(size))
    return made


@pytest.mark.parametrize("name", sorted(structs()))
def test_a_struct_lies_as_the_compiler_lays_it(name, layout):
    mine = getattr(_lib, name)
    theirs = dict(layout[name])
    assert ctypes.sizeof(mine) == theirs.pop(".")[0]
    found = {}
    for field, *_ in mine._fields_:
        described = getattr(mine, field)
        found[field.rstrip("_")] = (described.offset, described.size)
    assert found == theirs


def test_every_constant_has_the_value_of_its_header(tmp_path):
    names = [name for name, value in vars(_lib).items() if name.isupper()
             and isinstance(value, int) and name != "SIZE_MAX"]
    assert len(names) > 30
    defined = {match[1] for match in DEFINE.finditer(headers())}
    assert set(names) <= defined
    lines = ['#include "mdl_import.h"', "#include <stdio.h>", "int main(void) {"]
    lines += [f'printf("{name} %lld\\n", (long long)MDL_{name});' for name in names]
    source = tmp_path / "constants.c"
    source.write_text("\n".join(lines + ["return 0; }"]))
    subprocess.run(["cc", f"-I{ROOT / 'include'}", "-o", tmp_path / "constants", source],
                   check=True)
    said = subprocess.run([tmp_path / "constants"], check=True, stdout=subprocess.PIPE,
                          text=True).stdout
    for line in said.splitlines():
        name, value = line.split()
        assert int(value) % 2**64 == getattr(_lib, name) % 2**64, name


def test_the_package_has_the_version_of_the_header():
    from mdl import __version__
    text = (ROOT / "include" / "mdl.h").read_text()
    assert f'#define MDL_VERSION_STRING "{__version__}"' in text
