#!/bin/sh
# tools/python_env.sh DIR REQUIREMENTS - a Python environment with pinned packages
#
# SPDX-License-Identifier: MIT
set -eu
env=$1 requirements=$2

[ -x "$env/bin/python" ] || ${PYTHON:-python3} -m venv "$env"
"$env/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements"
