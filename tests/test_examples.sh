#!/bin/sh
# tests/test_examples.sh BUILD - every example runs and says what it must
#
# The fares of ride.mdl are worked out by hand from the two trees in 05_build.c:
#   2.5 + (distance < 3 ? 4 : distance < 10 ? 9 : 20; missing: 20) + (airport ? 15 : 0)
#
# SPDX-License-Identifier: MIT
set -eu
B=$1
E=$B/examples
T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT
failed=0

# same CLAIM WANT GOT
same() {
    if [ "$2" = "$3" ]; then
        echo "ok   $1"
    else
        printf 'FAIL %s\n  want: %s\n  got:  %s\n' "$1" "$2" "$3"
        failed=1
    fi
}

lines() { printf '%s\n' "$@"; }

"$E/05_build" "$T/ride.mdl"
lines distance,zone 2,0 5,2 12,1 ,2 , > "$T/rows.csv"

same '01_predict finds columns and categories by name' 26.5 \
    "$("$E/01_predict" "$T/ride.mdl" distance=5 zone=airport)"
same '01_predict takes what is not given as missing' 37.5 "$("$E/01_predict" "$T/ride.mdl" zone=airport)"
same '01_predict refuses a column that the model does not have' 1 \
    "$("$E/01_predict" "$T/ride.mdl" colour=1 2>/dev/null && echo 0 || echo $?)"
same '02_batch predicts all rows, with their leaves' \
    "$(lines '6.5 | 1 2' '26.5 | 3 1' '22.5 | 4 2' '37.5 | 4 1' '22.5 | 4 2')" \
    "$("$E/02_batch" "$T/ride.mdl" "$T/rows.csv")"
same '03_threads gives the bits of one thread' '10000 rows, 4 threads: the bits of one thread' \
    "$("$E/03_threads" "$T/ride.mdl")"
same '04_memory runs from its own bytes and allocates nothing' \
    "$(lines 26.5 'allocations while predicting: 0')" "$("$E/04_memory")"
same '06_host answers in C++' "$(lines 6.5 26.5 22.5 37.5 'trees: 2')" \
    "$(echo 2 0 5 2 12 1 nan 2 | "$E/06_host" "$T/ride.mdl")"
same '06_host reports a bad file as an exception' 1 \
    "$("$E/06_host" "$T/rows.csv" 2>/dev/null </dev/null && echo 0 || echo $?)"
if command -v python3 >/dev/null; then
    same '07_ctypes answers in Python without a package' "$(lines 26.5 6.5 37.5)" \
        "$(python3 examples/07_ctypes.py "$B/libmodel.so.1" "$T/ride.mdl" 5 2 2 0 nan 2)"
else
    echo 'skip 07_ctypes: no python3'
fi
if "$E/08_server" "$T/ride.mdl" --self-test > "$T/server.log" 2>&1; then
    echo 'ok   08_server passes its self-test'
else
    cat "$T/server.log"
    echo 'FAIL 08_server'
    failed=1
fi

# The same programs with a real model: predictions.csv holds what XGBoost answered, nine digits,
# which tell every float32.
"$B/mdl" demo "$T/demo" > /dev/null
M=$T/demo/cancer.mdl
cut -d, -f2- "$T/demo/rows.csv" > "$T/cells.csv"            # without the diagnosis
tail -n +2 "$T/cells.csv" > "$T/cells"
tail -n +2 "$T/demo/predictions.csv" | cut -d, -f1 > "$T/xgboost"
same 'there are 100 answers of XGBoost' 100 "$(wc -l < "$T/xgboost" | tr -d ' ')"

same '02_batch has the bits of XGBoost in all rows' "$(cat "$T/xgboost")" \
    "$("$E/02_batch" "$M" "$T/cells.csv" | cut -d' ' -f1)"
same '06_host has them too' "$(cat "$T/xgboost")" \
    "$(tr , ' ' < "$T/cells" | "$E/06_host" "$M" | grep -v trees)"
head -1 "$T/cells.csv" | tr , '\n' > "$T/names"
head -1 "$T/cells" | tr , '\n' | paste -d= "$T/names" - > "$T/arguments"
same '01_predict has them by column names' "$(head -1 "$T/xgboost")" \
    "$(tr '\n' '\0' < "$T/arguments" | xargs -0 "$E/01_predict" "$M")"
if command -v python3 >/dev/null; then
    same '07_ctypes has them from Python' "$(cat "$T/xgboost")" \
        "$(tr '\n,' '  ' < "$T/cells" | xargs python3 examples/07_ctypes.py "$B/libmodel.so.1" "$M")"
fi
same '03_threads gives the bits of one thread' '10000 rows, 4 threads: the bits of one thread' \
    "$("$E/03_threads" "$M")"
if "$E/08_server" "$M" --self-test > "$T/server.log" 2>&1; then
    echo 'ok   08_server passes its self-test with it'
else
    cat "$T/server.log"
    echo 'FAIL 08_server'
    failed=1
fi

# Networks of Python packages, where tools/example_models.py has put them: what a person would say.
N=$B/example-models
if [ -f "$N/magika.onnx" ] && [ -f "$N/vad.onnx" ]; then
    "$B/mdl" convert "$N/magika.onnx" -o "$T/magika.mdl" --quiet
    "$B/mdl" convert "$N/vad.onnx" -o "$T/vad.mdl" --quiet
    mkdir "$T/files"
    cp lib/model.c tests/test_examples.sh tests/python/conftest.py pyproject.toml README.md "$T/files"
    : > "$T/files/nothing"
    same '09_file_types knows the files of this project' \
        "$(lines README.md:markdown conftest.py:python model.c:c 'nothing:(empty)' pyproject.toml:toml \
                 test_examples.sh:shell)" \
        "$("$E/09_file_types" "$T/magika.mdl" "$N/magika.json" "$T/files" | awk '{ print $1 ":" $2 }' | LC_ALL=C sort)"
    same '10_voice hears the two seconds in the middle' 'one segment, 1 to 3' \
        "$("$E/10_voice" "$T/vad.mdl" "$N/talk.wav" \
           | awk '{ n++; a = $1; b = $2 } END { print (n == 1 ? "one segment" : n " segments") \
                    (a > 0.8 && a < 1.2 && b > 2.8 && b < 3.2 ? ", 1 to 3" : ", " a " to " b) }')"
    "$E/10_voice" "$T/vad.mdl" "$N/talk.wav" --all > "$T/vad"
    same '10_voice has the probabilities of ONNX Runtime within 1e-4' "$(wc -l < "$N/talk.txt") 0" \
        "$(paste "$T/vad" "$N/talk.txt" | awk '{ d = $2 - $3; n += d > 1e-4 || d < -1e-4 } END { print NR, n + 0 }')"
    same '10_voice refuses what is no WAV file' 1 \
        "$("$E/10_voice" "$T/vad.mdl" "$T/rows.csv" 2>/dev/null && echo 0 || echo $?)"
else
    echo 'skip 09_file_types, 10_voice: no networks; make example-models fetches them'
fi

exit $failed
