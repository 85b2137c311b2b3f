#!/bin/sh
# bench/install.sh DIR REQUIREMENTS - an environment for the peers, package by package
#
# What cannot be installed here is named and left out: its peer is skipped, the others run.
#
# SPDX-License-Identifier: MIT
set -eu
env=$1 requirements=$2

[ -x "$env/bin/python" ] || ${PYTHON:-python3} -m venv "$env"
pip() { "$env/bin/python" -m pip install --quiet --disable-pip-version-check "$@"; }

pip -r "$requirements" 2> /dev/null && exit 0
while read -r package; do
    pip -c "$requirements" "$package" || echo "bench: no $package here; what needs it is skipped" >&2
done < "$requirements"
