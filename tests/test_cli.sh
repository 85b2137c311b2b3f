#!/bin/sh
# tests/test_cli.sh - the program mdl from outside: every verb, every exit code, awkward input
#
#   sh tests/test_cli.sh build/mdl
#
# SPDX-License-Identifier: MIT
set -u
case $1 in /*) mdl=$1 ;; *) mdl=$PWD/$1 ;; esac
[ -x "$mdl" ] || { echo "$mdl is no program"; exit 1; }
top=$(cd "$(dirname "$0")/.." && pwd)
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 1
unset NO_COLOR
passed=0
failed=0

# claim NAME: the last test decides;  ok / not ok
claim() {
    if [ "$2" = 0 ]; then
        passed=$((passed + 1))
        echo "ok      $1"
    else
        failed=$((failed + 1))
        echo "FAILED  $1"
        [ -s err ] && sed 's/^/        | /' err | head -5
    fi
}

# exits NAME CODE COMMAND...: leaves what it printed in out and err
exits() {
    name=$1 want=$2
    shift 2
    "$@" > out 2> err < /dev/null
    got=$?
    [ $got = "$want" ] || echo "        exit $got, expected $want: $*"
    [ $got = "$want" ]
    claim "$name" $?
}

# says NAME TEXT: the last error output holds it;  prints NAME TEXT: the last output does
says() { grep -qF -- "$2" err; claim "$1" $?; }
prints() { grep -qF -- "$2" out; claim "$1" $?; }

no_leftovers() { ! ls "$1" 2>/dev/null | grep -q '\.tmp$'; claim "$2" $?; }

# ---- help --------------------------------------------------------------------------------

exits help_lists_verbs 0 "$mdl" help
verbs=$(sed -n 's/^VERB(\([a-z]*\),.*/\1/p' "$top/src/cli/verb_list.h")
[ -n "$verbs" ]; claim verb_list_is_found $?
for verb in $verbs; do
    "$mdl" help > out
    grep -q "^  $verb " out; claim "help_names_$verb" $?
    exits "help_of_$verb" 0 "$mdl" help "$verb"
    cp out help.txt
    prints "help_of_${verb}_has_an_example" 'example:'
    exits "${verb}_dash_dash_help_is_the_same" 0 "$mdl" "$verb" --help
    cmp -s out help.txt; claim "${verb}_help_comes_from_one_place" $?
    grep -q "^\.SS \"*$verb" "$top/man/mdl.1"; claim "man_page_has_$verb" $?
    for option in $(sed -n 's/^  -\{0,1\}[a-zA-Z]\{0,1\},\{0,1\} *--\([a-z-]*\).*/\1/p' help.txt); do
        escaped=$(echo "$option" | sed 's/-/\\\\-/g')
        missing=
        grep -q -- "\\\\-\\\\-$escaped" "$top/man/mdl.1" || missing="$missing man"
        for file in mdl.bash _mdl; do
            grep -q -- "--$option" "$top/completion/$file" || missing="$missing $file"
        done
        grep -q -- "-l $option" "$top/completion/mdl.fish" || missing="$missing mdl.fish"
        [ -z "$missing" ] || echo "        --$option of $verb is missing in:$missing"
        [ -z "$missing" ]; claim "man_and_completions_know_${verb}_$option" $?
    done
    for file in mdl.bash _mdl mdl.fish; do
        grep -qw "$verb" "$top/completion/$file"; claim "${file}_completes_$verb" $?
    done
done
exits version_is_printed 0 "$mdl" --version
prints version_is_that_of_the_header \
    "$(sed -n 's/^#define MDL_VERSION_STRING "\(.*\)"/\1/p' "$top/include/mdl.h")"
exits help_ops_lists_operators 0 "$mdl" help ops
for op in $(sed -n 's/^OP([0-9]*, *\([a-z_]*\)).*/\1/p' "$top/lib/op/op_list.h"); do
    grep -q "^$op " out; claim "help_ops_has_$op" $?
done
exits help_ops_is_csv_too 0 "$mdl" help ops --format csv
prints help_ops_csv_has_weights 'dense,weight,weight,'
exits no_verb_is_usage 2 "$mdl"
exits wrong_verb_is_usage 2 "$mdl" pedict
says wrong_verb_gets_a_suggestion "did you mean 'predict'"
exits wrong_option_is_usage 2 "$mdl" predict --ouput x y
says wrong_option_gets_a_suggestion "did you mean '--output'"
exits wrong_letter_is_usage 2 "$mdl" predict -z
exits option_without_value_is_usage 2 "$mdl" convert x -o
exits flag_with_value_is_usage 2 "$mdl" inspect --all=yes x
exits too_few_arguments_are_usage 2 "$mdl" predict x
exits too_many_arguments_are_usage 2 "$mdl" inspect a b
exits wrong_format_is_usage 2 "$mdl" inspect x --format jsno
says wrong_format_gets_a_suggestion "did you mean 'json'"

if command -v bash > /dev/null; then
    complete_line() {
        bash -c '. "$0/completion/mdl.bash"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _mdl; echo "${COMPREPLY[@]}"' \
            "$top" "$@"
    }
    [ "$(complete_line mdl pre)" = predict ]; claim bash_completes_verbs $?
    [ "$(complete_line mdl check m.mdl --tol)" = --tolerance ]; claim bash_completes_options $?
    [ "$(complete_line mdl predict m.mdl --output pro)" = proba ]; claim bash_completes_values $?
fi

# ---- demo --------------------------------------------------------------------------------

exits demo_runs 0 "$mdl" demo d
prints demo_has_all_bits_of_the_margins 'raw         100 of 100 answers'
cmp -s d/cancer.json "$top/examples/demo/cancer.json"; claim demo_writes_the_source_model $?
[ "$(wc -l < out)" -le 16 ]; claim demo_is_short $?
exits demo_runs_again 0 "$mdl" demo d
sed -n 's/^  mdl //p' out > next.txt
[ -s next.txt ]; claim demo_says_what_to_try_next $?
while read -r line; do
    case $line in bench*) line="$line --seconds 0.01" ;; esac
    # shellcheck disable=SC2086
    exits "demo_command_works_$(echo "$line" | cut -d' ' -f1)" 0 "$mdl" $line
done < next.txt
no_leftovers d demo_leaves_no_temporary_files
exits demo_into_a_file_is_an_io_error 6 "$mdl" demo d/rows.csv
exits demo_below_nothing_is_an_io_error 6 "$mdl" demo nowhere/at/all

# ---- convert -----------------------------------------------------------------------------

exits convert_works 0 "$mdl" convert d/cancer.json -o m.mdl
prints convert_says_trees 'trees      24'
exits convert_again_gives_the_same_bytes 0 "$mdl" convert d/cancer.json -o m2.mdl --from xgboost
cmp -s m.mdl m2.mdl; claim convert_is_deterministic $?
exits convert_as_json 0 "$mdl" convert d/cancer.json -o m2.mdl --format json
prints convert_json_has_trees '"trees": 24'
"$mdl" convert - -o - < d/cancer.json > piped.mdl 2> err
claim convert_reads_and_writes_pipes $?
cmp -s m.mdl piped.mdl; claim convert_through_pipes_gives_the_same_bytes $?
exits convert_needs_o 2 "$mdl" convert d/cancer.json
cp d/cancer.json source.json
exits convert_over_the_source_is_refused 2 "$mdl" convert source.json -o source.json
exits convert_over_the_source_by_another_name_is_refused 2 "$mdl" convert source.json -o ./source.json --force
cmp -s d/cancer.json source.json; claim the_source_is_untouched $?
exits convert_over_something_else_is_refused 2 "$mdl" convert d/cancer.json -o source.json
says the_refusal_names_force '--force'
exits force_overwrites 0 "$mdl" convert d/cancer.json -o source.json --force
exits convert_of_nothing_is_an_io_error 6 "$mdl" convert nowhere.json -o x.mdl
says the_error_names_the_file "'nowhere.json'"
exits convert_of_a_folder_is_an_io_error 6 "$mdl" convert d -o x.mdl
says a_folder_gets_the_way_out 'data_spec.pb'
exits convert_into_a_folder_is_an_io_error 6 "$mdl" convert d/cancer.json -o d
exits convert_into_a_missing_folder_is_an_io_error 6 "$mdl" convert d/cancer.json -o no/such/m.mdl
: > empty
exits an_empty_source_is_a_bad_model 3 "$mdl" convert empty -o x.mdl
says the_error_names_the_empty_file 'empty:'
head -c 9000 d/cancer.json > cut.json
exits a_cut_source_is_a_bad_model 3 "$mdl" convert cut.json -o x.mdl
says the_error_names_the_cut_file 'cut.json'
again='copy it or save it again'
for file in xgboost_3.2/dart.json xgboost_3.2/dart.ubj lightgbm_4.7/dart.txt catboost_1.2/categories.cbm \
            catboost_1.2/classes.json treelite_4.8/both.tl ydf_0.16/classes.ydf onnx/mlp.onnx golden_v1_small.mdl; do
    bytes=$(wc -c < "$top/tests/data/$file")
    for n in $((bytes / 3)) $((bytes * 4 / 5)) $((bytes - 2)); do
        [ $file != lightgbm_4.7/dart.txt ] || [ $n -lt 6000 ] || continue      # behind the trees it may end
        head -c $n "$top/tests/data/$file" > part
        exits "${file}_cut_at_${n}_is_a_bad_model" 3 "$mdl" convert part -o x.mdl
        says "${file}_cut_at_${n}_has_a_way_out" "it is cut off; $again"
    done
done
: > part
for from in xgboost lightgbm catboost treelite ydf onnx ''; do
    exits "an_empty_file_of_${from:-nobody}_is_a_bad_model" 3 "$mdl" convert part -o x.mdl ${from:+--from $from}
    says "an_empty_file_of_${from:-nobody}_has_a_way_out" "the file is empty; $again"
done
for part in data_spec.pb header.pb gradient_boosted_trees_header.pb nodes-00000-of-00001; do
    rm -rf part.ydf
    cp -r "$top/tests/data/ydf_0.16/folder" part.ydf
    for n in 0 201; do
        head -c $n "$top/tests/data/ydf_0.16/folder/$part" > part.ydf/$part
        exits "a_folder_with_${n}_bytes_of_${part}_is_a_bad_model" 3 "$mdl" convert part.ydf -o x.mdl
        says "a_folder_with_${n}_bytes_of_${part}_has_a_way_out" "it is cut off; $again"
    done
done
printf '\200\004\225abc' > model.pkl
exits a_pickle_is_unsupported 4 "$mdl" convert model.pkl -o x.mdl
says a_pickle_gets_the_way_out 'mdl.convert'
exits a_mdl_file_is_written_again 0 "$mdl" convert m.mdl -o x.mdl
cmp -s m.mdl x.mdl; claim a_mdl_file_written_again_is_the_same $?
exits a_mdl_file_is_no_source_of_a_framework 3 "$mdl" convert m.mdl -o x.mdl --from xgboost
exits convert_ready 0 "$mdl" convert "$top/tests/data/lightgbm_4.7/binary.txt" -o r.mdl --ready
exits a_ready_model_answers 0 "$mdl" inspect r.mdl
prints inspect_shows_tables 'tables of convert --ready'
exits a_ready_model_through_a_pipe 0 sh -c '"$1" convert - -o x.mdl < r.mdl' - "$mdl"
"$mdl" convert "$top/tests/data/lightgbm_4.7/binary.txt" -o s.mdl -q > /dev/null; cmp -s s.mdl x.mdl; claim without_ready_tables_are_left_out $?
sed 's/"binary:logistic"/"reg:nobody_knows"/g' d/cancer.json > odd.json
exits an_unknown_objective_is_unsupported 4 "$mdl" convert odd.json -o x.mdl
says the_unsupported_part_is_named 'reg:nobody_knows'
exits wrong_from_is_usage 2 "$mdl" convert d/cancer.json -o x.mdl --from xgbost
says wrong_from_gets_a_suggestion "'xgboost'"
exits wrong_iteration_is_usage 2 "$mdl" convert d/cancer.json -o x.mdl --best-iteration best
exits best_iteration_cuts 0 "$mdl" convert d/cancer.json -o x.mdl --best-iteration 4
prints five_rounds_are_left 'trees      5'
exits wrong_leaves_are_usage 2 "$mdl" convert d/cancer.json -o x.mdl --leaves float8
says wrong_leaves_say_what_can_be 'takes float16'
exits leaves_are_rounded_on_request 0 "$mdl" convert d/cancer.json -o x.mdl --leaves float16
prints convert_says_how_far_leaves_moved 'leaves     float16: moved by 1.74e-4 at most, 2.86e-5 on average; sums by 1.76e-3 at most'
exits inspect_of_rounded_leaves 0 "$mdl" inspect x.mdl
prints inspect_says_how_far_leaves_moved 'leaf_change_most     1.74e-4'
exits a_mdl_file_may_be_rounded 0 "$mdl" convert m.mdl -o x2.mdl --leaves float16
cmp -s x.mdl x2.mdl; claim a_rounded_mdl_file_is_that_of_its_source $?
"$mdl" convert - -o - --leaves float16 < m.mdl > piped.mdl 2> err
cmp -s x.mdl piped.mdl; claim a_mdl_file_is_rounded_through_pipes $?
exits rounded_leaves_are_rounded_once 2 "$mdl" convert x.mdl -o x2.mdl --leaves float16
says the_refusal_names_the_leaves 'float16 already'
exits other_leaves_are_usage 2 "$mdl" convert m.mdl -o x2.mdl --leaves float8
exits a_rounded_model_is_not_its_source 1 "$mdl" diff m.mdl x.mdl
rm -f x.mdl x2.mdl

# A named pipe keeps convert waiting for its source; then it is killed.
mkdir k
mkfifo k/source
"$mdl" convert - -o k/m.mdl < k/source > /dev/null 2>&1 &
pid=$!
{ head -c 1000 d/cancer.json; sleep 1; } > k/source
kill -TERM $pid 2> /dev/null
wait $pid
[ ! -e k/m.mdl ]; claim a_killed_convert_leaves_no_file $?
# ... and predict while its file is half written.
i=0; while [ $i -lt 200 ]; do tail -n +2 d/rows.csv; i=$((i + 1)); done > body
{ head -1 d/rows.csv; cat body; } > long.csv
mkfifo k/rows
"$mdl" predict m.mdl - -q -o k/p.csv < k/rows > /dev/null 2>&1 &
pid=$!
{ cat long.csv; sleep 2; } > k/rows &
sleep 1
[ "$(ls k/*.tmp 2> /dev/null | wc -l)" = 1 ]; claim predict_writes_beside_its_target $?
kill -TERM $pid
wait
[ ! -e k/p.csv ]; claim a_killed_predict_leaves_no_file $?
no_leftovers k a_killed_predict_cleans_up
if command -v timeout > /dev/null; then
    whole=0
    for ms in 001 002 003 004 005 006 008 010 012 015 020 030; do
        rm -f k/m.mdl
        timeout -s TERM 0.$ms "$mdl" convert d/cancer.json -o k/m.mdl > /dev/null 2>&1
        [ ! -e k/m.mdl ] || cmp -s k/m.mdl m.mdl || whole=1
    done
    claim whenever_it_is_killed_the_file_is_whole_or_absent $whole
    no_leftovers k nor_is_a_temporary_file_left
fi

# ---- inspect -----------------------------------------------------------------------------

exits inspect_works 0 "$mdl" inspect m.mdl
prints inspect_shows_columns 'worst fractal dimension'
prints inspect_shows_provenance 'binary:logistic'
prints inspect_says_where_the_bytes_are '0 trees value'
exits inspect_json 0 "$mdl" inspect m.mdl --format json
awk -F'"bytes": ' '/"name": "left"/ { split($2, n, /[,}]/); exit n[1] > 0 ? 0 : 1 }' out; claim inspect_json_has_bytes_of_weights $?
prints inspect_json_has_columns '{"name": "mean radius", "kind": "number"}'
exits inspect_csv 0 "$mdl" inspect m.mdl --format csv -o i.csv
[ ! -s out ] && head -1 i.csv | grep -q '^section,name,key,value$'; claim inspect_writes_files $?
"$mdl" inspect - < m.mdl > out 2> err
claim inspect_reads_a_pipe $?
exits inspect_importance 0 "$mdl" inspect m.mdl --importance
head -1 out | grep -q '^column  name .*gain .*weight .*cover .*total_gain .*total_cover$'; claim importances_have_their_kinds $?
exits inspect_importance_csv 0 "$mdl" inspect m.mdl --importance --format csv
[ "$(wc -l < out)" = 31 ]; claim every_column_has_an_importance $?
awk -F, 'NR > 2 && $3 > last { bad = 1 } { last = $3 + 0 } END { exit bad }' out; claim the_most_important_come_first $?
# Splits of the file itself: nodes with a left child.
splits=$(sed 's/"left_children":\[\([-0-9,]*\)\]/\n@\1\n/g' d/cancer.json | sed -n 's/^@//p' | tr , '\n' | grep -vc '^-1$')
[ "$(awk -F, 'NR > 1 { n += $4 } END { print n }' out)" = "$splits" ]; claim weights_count_the_splits $?
exits inspect_importance_json 0 "$mdl" inspect m.mdl --importance --format json -o imp.json
grep -q '"total_cover": ' imp.json; claim importances_as_json $?
exits no_importances_are_unsupported 4 "$mdl" inspect "$top/tests/data/golden_v1_xgboost.mdl" --importance
says no_importances_say_the_way_out 'convert it again from its source'
exits a_tree_is_shown 0 "$mdl" inspect m.mdl --tree 0
prints a_tree_says_its_size 'tree 0 of'
prints a_tree_has_branches '- yes  '
prints a_tree_has_leaves 'leaf '
exits a_tree_as_json 0 "$mdl" inspect m.mdl --tree 0 --format json
[ "$(grep -c '"node":' out)" = "$("$mdl" inspect m.mdl --tree 0 | sed -n 's/.*: \([0-9]*\) nodes.*/\1/p')" ]
claim a_tree_as_json_has_all_its_nodes $?
exits a_tree_for_graphviz 0 "$mdl" inspect m.mdl --tree 0 --dot
prints a_tree_for_graphviz_is_a_digraph 'digraph tree_0 {'
exits a_tree_as_svg 0 "$mdl" inspect m.mdl --tree 0 --svg -o tree.svg
grep -q '^</svg>$' tree.svg; claim a_tree_as_svg_is_whole $?
exits no_such_tree_is_usage 2 "$mdl" inspect m.mdl --tree 100000
says no_such_tree_says_how_many 'there are 24, from 0 on'
exits no_such_operator_is_usage 2 "$mdl" inspect m.mdl --tree 0 --node 99
exits a_tree_that_is_no_number_is_usage 2 "$mdl" inspect m.mdl --tree seven
exits a_picture_of_no_tree_is_usage 2 "$mdl" inspect m.mdl --svg

# ---- diff --------------------------------------------------------------------------------

exits the_same_model_does_not_differ 0 "$mdl" diff m.mdl m.mdl d/rows.csv
[ ! -s out ]; claim nothing_is_said_of_no_difference $?
exits fewer_rounds_differ 0 "$mdl" convert d/cancer.json -o fewer.mdl --best-iteration 4
exits fewer_rounds_differ 1 "$mdl" diff m.mdl fewer.mdl d/rows.csv
grep -q 'trees  *24  *5' out; claim fewer_trees_are_counted $?
prints other_predictions_are_counted 'rows differ, by at most'
exits tolerance_covers_predictions 1 "$mdl" diff m.mdl fewer.mdl d/rows.csv --tolerance 1e9
! grep -q 'predictions' out; claim predictions_within_tolerance_are_equal $?
exits a_diff_as_json 1 "$mdl" diff m.mdl fewer.mdl --format json
prints a_diff_as_json_has_places '"where": "operator 0 (trees)", "what": "trees"'
exits a_diff_of_one_model_is_usage 2 "$mdl" diff m.mdl
exits a_diff_with_nothing_is_an_io_error 6 "$mdl" diff m.mdl nowhere.mdl
exits tolerance_without_rows_is_usage 2 "$mdl" diff m.mdl m.mdl --tolerance 1
exits a_negative_tolerance_is_usage 2 "$mdl" diff m.mdl m.mdl d/rows.csv --tolerance -1
exits rows_from_a_pipe_are_usage 2 "$mdl" diff m.mdl m.mdl -

exits inspect_of_nothing_is_an_io_error 6 "$mdl" inspect nowhere.mdl
exits inspect_of_a_source_is_a_bad_model 3 "$mdl" inspect d/cancer.json
says a_source_gets_the_way_out 'mdl convert'
exits inspect_of_an_empty_file_is_a_bad_model 3 "$mdl" inspect empty
head -c 5000 m.mdl > cut.mdl
exits a_cut_model_is_a_bad_model 3 "$mdl" inspect cut.mdl
says the_error_names_the_cut_model 'cut.mdl'
says a_cut_model_has_a_way_out "it is cut off; $again"
: > empty.mdl
exits an_empty_model_is_a_bad_model 3 "$mdl" inspect empty.mdl
says an_empty_model_has_a_way_out "it is empty; $again"
{ head -c 6000 m.mdl; printf 'X'; tail -c +6002 m.mdl; } > flipped.mdl
exits a_changed_byte_is_a_bad_model 3 "$mdl" inspect flipped.mdl

# ---- predict -----------------------------------------------------------------------------

exits predict_works 0 "$mdl" predict m.mdl d/rows.csv --output raw -q
# nine digits and the shortest text are the same float32: compare as numbers
tail -n +2 d/predictions.csv | cut -d, -f2 > want.txt
tail -n +2 out > got.txt
paste want.txt got.txt | awk '{ if ($1 - $2 > 1e-6 || $2 - $1 > 1e-6) bad = 1 } END { exit bad || NR != 100 }'
claim predict_gives_the_answers_of_xgboost $?
[ ! -s err ]; claim quiet_is_quiet $?
exits predict_notes_extra_columns 0 "$mdl" predict m.mdl d/rows.csv -o p.csv
says the_extra_column_is_named "'diagnosis'"
[ ! -s out ]; claim with_o_nothing_goes_to_stdout $?
"$mdl" predict m.mdl d/rows.csv -q | cmp -s - p.csv; claim stdout_and_file_are_the_same $?
"$mdl" predict m.mdl - -q < d/rows.csv | cmp -s - p.csv; claim predict_reads_a_pipe $?
cat m.mdl | "$mdl" predict - d/rows.csv -q | cmp -s - p.csv; claim predict_reads_the_model_from_a_pipe $?
exits model_and_data_from_one_pipe_is_usage 2 "$mdl" predict - -
for threads in 0 1 2 5; do
    "$mdl" predict m.mdl d/rows.csv -q --threads $threads | cmp -s - p.csv; claim "answers_on_${threads}_threads_are_the_same" $?
done
exits wrong_threads_are_usage 2 "$mdl" predict m.mdl d/rows.csv --threads two
exits too_many_threads_are_usage 2 "$mdl" predict m.mdl d/rows.csv --threads 5000
exits predict_npy 0 "$mdl" predict m.mdl d/rows.csv -o p.npy -q
[ "$(wc -c < p.npy)" = 528 ]; claim npy_has_128_bytes_and_100_floats $?
# what goes out as .npy comes in as .npy
"$mdl" convert d/cancer.json -o m.mdl -q > /dev/null
exits npy_of_other_width_is_bad_data 5 "$mdl" predict m.mdl p.npy
says the_widths_are_named '1 columns, the model has 30'
mkfifo pipe.npy
cat pipe.npy > /dev/null &
exits npy_into_a_pipe_is_an_io_error 6 "$mdl" predict m.mdl d/rows.csv -q -o pipe.npy
says npy_into_a_pipe_says_why 'not into a pipe'
wait
exits predict_json 0 "$mdl" predict m.mdl d/rows.csv --format json -q
prints json_names_the_output '{"output": "prediction", "columns": ["prediction"], "rows": ['
exits predict_label 0 "$mdl" predict m.mdl d/rows.csv --output label -q
[ "$(sed -n 3p out)" = 1 ]; claim label_is_a_class $?
exits predict_probabilities 0 "$mdl" predict m.mdl d/rows.csv --output proba -q
[ "$(head -1 out)" = 'probability_0,probability_1' ]; claim probability_columns_have_labels $?
exits predict_leaves_of_some_trees 0 "$mdl" predict m.mdl d/rows.csv --output leaf --trees 2:5 -q
[ "$(head -1 out)" = 'leaf_0,leaf_1,leaf_2' ]; claim one_leaf_per_tree_of_the_range $?
exits wrong_output_is_usage 2 "$mdl" predict m.mdl d/rows.csv --output rwa
says wrong_output_gets_a_suggestion "did you mean 'raw'"
for trees in 5 5:5 a:b 7:2 -1:2; do
    exits "trees_${trees}_is_usage" 2 "$mdl" predict m.mdl d/rows.csv --trees "$trees"
done
exits trees_beyond_the_last_is_usage 2 "$mdl" predict m.mdl d/rows.csv --trees 0:1000

# Stages, single trees, early stops: against ranges of rounds.
rounds=$("$mdl" predict m.mdl d/rows.csv --output leaf -q | head -1 | tr , '\n' | wc -l)
exits predict_stages 0 "$mdl" predict m.mdl d/rows.csv --output raw --staged 4 --trees 0:10 -q
[ "$(head -1 out)" = 'raw@4,raw@8,raw@10' ]; claim stages_are_named_by_rounds $?
cut -d, -f2 out | tail -n +2 > eight.csv
"$mdl" predict m.mdl d/rows.csv --output raw --trees 0:8 -q | tail -n +2 | cmp -s - eight.csv
claim a_stage_is_the_prediction_of_its_rounds $?
exits predict_label_stages 0 "$mdl" predict m.mdl d/rows.csv --output label --staged 900 -q
[ "$(head -1 out)" = "label@$rounds" ]; claim a_stage_ends_with_the_rounds $?
tail -n +2 out > staged.csv
"$mdl" predict m.mdl d/rows.csv --output label -q | tail -n +2 | cmp -s - staged.csv; claim stages_of_labels_are_labels $?
exits predict_stages_npy 0 "$mdl" predict m.mdl d/rows.csv --staged 7 -q -o s.npy
exits predict_trees 0 "$mdl" predict m.mdl d/rows.csv --output trees --trees 2:4 -q
[ "$(head -1 out)" = base,tree_2,tree_3 ]; claim trees_are_named $?
"$mdl" predict m.mdl d/rows.csv --output raw --trees 2:4 -q > two.csv
paste -d, out two.csv | awk -F, 'NR > 1 { d = $1 + $2 + $3 - $4; if (d > 1e-6 || d < -1e-6) bad = 1 }
    END { exit bad || NR < 90 }'
claim trees_add_up_to_the_margin $?
exits predict_trees_json 0 "$mdl" predict m.mdl d/rows.csv --output trees --format json -q
prints json_names_the_trees '{"output": "trees", "columns": ["base", "tree_0"'
exits predict_early_stop 0 "$mdl" predict m.mdl d/rows.csv --output raw --early-stop 5:0 -q
cp out stopped.csv
"$mdl" predict m.mdl d/rows.csv --output raw --trees 0:5 -q | cmp -s - stopped.csv
claim a_margin_of_0_stops_at_the_first_look $?
exits predict_late_stop 0 "$mdl" predict m.mdl d/rows.csv --output raw --early-stop 5:1e9 -q
cp out stopped.csv
"$mdl" predict m.mdl d/rows.csv --output raw -q | cmp -s - stopped.csv; claim a_margin_out_of_reach_stops_nothing $?
for stop in 5 5: :2 0:1 x:1 5:-1 5:nan 5:2x; do
    exits "early_stop_${stop}_is_usage" 2 "$mdl" predict m.mdl d/rows.csv --early-stop "$stop"
done
exits staged_0_is_usage 2 "$mdl" predict m.mdl d/rows.csv --staged 0
exits stages_of_leaves_are_usage 2 "$mdl" predict m.mdl d/rows.csv --output leaf --staged 3
exits stages_of_trees_are_usage 2 "$mdl" predict m.mdl d/rows.csv --output trees --staged 3
exits stages_with_an_early_stop_are_usage 2 "$mdl" predict m.mdl d/rows.csv --staged 3 --early-stop 5:1
linear=$top/tests/data/golden_v1_gblinear.mdl
exits stages_of_no_trees_are_unsupported 4 "$mdl" predict "$linear" d/rows.csv --staged 3
exits trees_of_no_trees_are_unsupported 4 "$mdl" predict "$linear" d/rows.csv --output trees
exits an_early_stop_of_no_trees_is_unsupported 4 "$mdl" predict "$linear" d/rows.csv --early-stop 5:1

# Columns in another order, other separators, quotes, CRLF, a mark, no newline at the end.
awk -F, -v OFS=';' '{ for (i = NF; i > 0; i--) printf "\"%s\"%s", $i, (i > 1 ? OFS : "\r\n") }' d/rows.csv > turned.csv
"$mdl" predict m.mdl turned.csv -q | cmp -s - p.csv; claim turned_quoted_semicolons_crlf_are_the_same $?
{ printf '\357\273\277'; head -c -1 d/rows.csv | tr , '\t'; } > bom.csv
"$mdl" predict m.mdl bom.csv -q | cmp -s - p.csv; claim mark_tabs_and_no_last_newline_are_the_same $?
cut -d, -f2- d/rows.csv | tail -n +2 > bare.csv
exits no_header_goes_by_position 0 "$mdl" predict m.mdl bare.csv
cmp -s out p.csv; claim by_position_is_the_same $?
says by_position_is_told 'by position'
cut -d, -f2-30 d/rows.csv > narrow.csv
exits a_missing_column_is_bad_data 5 "$mdl" predict m.mdl narrow.csv
says the_missing_column_is_named "'worst fractal dimension'"
sed '1s/mean area/mean aera/' d/rows.csv > typo.csv
exits a_typo_in_a_column_is_bad_data 5 "$mdl" predict m.mdl typo.csv
says a_typo_in_a_column_gets_a_suggestion "is 'mean aera' the first of them"
sed '5s/,/,abc/2' d/rows.csv > word.csv
exits a_word_for_a_number_is_bad_data 5 "$mdl" predict m.mdl word.csv
says the_line_is_named 'word.csv:5:'
sed '7s/$/,1/' d/rows.csv > ragged.csv
exits a_ragged_row_is_bad_data 5 "$mdl" predict m.mdl ragged.csv -o ragged.out
says the_ragged_line_is_named 'ragged.csv:7: 32 cells'
[ ! -e ragged.out ]; claim failed_predict_leaves_no_file $?
no_leftovers . nothing_temporary_is_left
exits an_empty_file_is_bad_data 5 "$mdl" predict m.mdl empty
head -1 d/rows.csv > header.csv
exits a_header_alone_is_no_rows 0 "$mdl" predict m.mdl header.csv -q
[ "$(cat out)" = prediction ]; claim no_rows_give_a_header $?
exits a_model_is_no_data 5 "$mdl" predict m.mdl m.mdl
exits data_that_is_not_there_is_an_io_error 6 "$mdl" predict m.mdl nowhere.csv
exits a_folder_is_no_data 6 "$mdl" predict m.mdl d
exits output_into_a_folder_is_an_io_error 6 "$mdl" predict m.mdl d/rows.csv -o d
# a missing value by any name
awk -F, -v OFS=, 'NR == 1 { print; next } { $8 = ""; print }' d/rows.csv > gap.csv
"$mdl" predict m.mdl gap.csv -q > gap.out
for word in NA nan NULL ' '; do
    awk -F, -v OFS=, -v w="$word" 'NR == 1 { print; next } { $8 = w; print }' d/rows.csv > gap.csv
    "$mdl" predict m.mdl gap.csv -q | cmp -s - gap.out; claim "cell_'${word}'_is_missing" $?
done
! cmp -s gap.out p.csv; claim missing_values_matter $?

# A model with a category column (age, colour = red, green, blue, black), by hand: see tests/test.h.
small=$top/tests/data/golden_v1_small.mdl
printf 'naïve,colour,age\nü,red,1\n"a\nb",green,2\n,0,2\n,,\n' > small.csv
exits categories_by_text_and_code 0 "$mdl" predict "$small" small.csv
[ "$(echo $(cat out))" = 'y 2.5 8.5 4.5 4.5' ]; claim categories_give_the_answers_worked_out_by_hand $?
says names_beyond_ascii_are_shown "'naïve'"
printf 'colour,age\nblakc,1\n' > unknown.csv
exits an_unknown_category_is_bad_data 5 "$mdl" predict "$small" unknown.csv
says an_unknown_category_gets_a_suggestion "did you mean 'black'"
says an_unknown_category_gets_a_way_out '--unknown missing'
exits an_unknown_category_may_be_missing 0 "$mdl" predict "$small" unknown.csv --unknown missing
exits wrong_choice_is_usage 2 "$mdl" predict "$small" small.csv --unknown mising
says wrong_choice_gets_a_suggestion "did you mean 'missing'"

# What YDF 0.16 answers: a text that it has not seen is out of dictionary, an empty one missing.
ydf=$top/tests/data/ydf_0.16
exits a_folder_of_ydf_is_converted 0 "$mdl" convert "$ydf/folder" -o ydf.mdl
printf 'n0,n1,n2,n3,n4,grade,code,flag\n0.1,,0.2,0.1,3,b,code 7,true\n1,2,3,4,5,never,3,false\n' > ydf.csv
printf '1,2,3,4,5,<OOD>,<OOD>,0\n1,2,3,4,5,,code 9,0\n' >> ydf.csv
exits texts_of_ydf_are_categories 0 "$mdl" predict ydf.mdl ydf.csv
printf 'prediction\n189.91075\n214.08882\n214.08882\n210.79414\n' > want
cmp -s out want; claim unseen_categories_of_ydf_are_out_of_dictionary $?
exits a_folder_with_a_prefix_is_named_by_its_dataspec 0 "$mdl" convert "$ydf/prefixed/one_data_spec.pb" -o ydf.mdl
exits a_folder_of_no_model_is_refused 6 "$mdl" convert "$ydf" -o none.mdl
exits a_model_of_ydf_is_no_mdl_file 3 "$mdl" predict "$ydf/value.ydf" ydf.csv
says a_model_of_ydf_is_known "it is a model of YDF; 'mdl convert'"

# ---- where output goes -------------------------------------------------------------------

if [ -w /dev/full ]; then
    "$mdl" predict m.mdl d/rows.csv -q > /dev/full 2> err; [ $? = 6 ]; claim a_full_disk_is_an_io_error $?
    says a_full_disk_is_named 'No space left'
    "$mdl" inspect m.mdl > /dev/full 2> err; [ $? = 6 ]; claim inspect_notices_a_full_disk $?
    exits a_full_device_as_file_is_an_io_error 6 "$mdl" predict m.mdl d/rows.csv -q -o /dev/full
    exits convert_notices_a_full_disk 6 "$mdl" convert d/cancer.json -o /dev/full
fi
"$mdl" predict m.mdl d/rows.csv -q >&- 2> err; [ $? = 6 ]; claim closed_stdout_is_an_io_error $?
"$mdl" convert d/cancer.json -o closed.mdl >&- 2>&-; cmp -s m.mdl closed.mdl
claim closed_streams_do_not_get_into_files $?
exits many_blocks_work 0 "$mdl" predict m.mdl long.csv -q
[ "$(wc -l < out)" = 20001 ]; claim many_blocks_have_all_rows $?
head -101 out | cmp -s - p.csv && tail -100 out > tail.txt && tail -100 p.csv | cmp -s - tail.txt
claim blocks_do_not_change_answers $?
sh -c "trap '' PIPE; '$mdl' predict m.mdl long.csv -q 2> err; echo \$? > code" | head -1 > /dev/null
[ "$(cat code)" = 6 ]; claim a_closed_pipe_is_an_io_error $?
sh -c "'$mdl' predict m.mdl long.csv -q 2> err; echo \$? > code" | head -1 > /dev/null
[ "$(cat code)" -gt 128 ] && [ ! -s err ]; claim a_closed_pipe_ends_it_in_silence $?
! grep -q "$(printf '\033')" err; claim no_colour_without_a_terminal $?

# ---- explain -----------------------------------------------------------------------------

exits explain_works 0 "$mdl" explain m.mdl d/rows.csv --row 3 -q
prints explain_says_what_lowers_most 'It is lowered most by worst area = 711.2 ('
prints explain_draws_bars '<===='
exits explain_as_csv 0 "$mdl" explain m.mdl d/rows.csv --row 3 -q --format csv --top 99
"$mdl" predict m.mdl d/rows.csv --output raw -q | sed -n 5p > want.txt
# the contributions add up to the margin that predict gives for that row
awk -F, -v want="$(cat want.txt)" 'NR > 1 && $1 != "margin" { sum += $3 } $1 == "margin" { got = $3 }
    END { d = sum - want; e = got - want; exit !(NR > 10 && d < 1e-5 && d > -1e-5 && e < 1e-5 && e > -1e-5) }' out
claim explanations_add_up_to_the_margin $?
exits predict_shap 0 "$mdl" predict m.mdl d/rows.csv --output shap -q
[ "$(head -1 out | tr , '\n' | tail -1)" = base ]; claim the_base_is_the_last_column $?
awk -F, -v want="$(cat want.txt)" 'NR == 5 { for (i = 1; i <= NF; i++) sum += $i }
    END { d = sum - want; exit !(NF == 31 && d < 1e-5 && d > -1e-5) }' out
claim shap_rows_add_up_to_the_margin $?
exits explain_svg 0 "$mdl" explain m.mdl d/rows.csv --svg -o why.svg -q
grep -q '</svg>' why.svg && grep -q 'class="down"' why.svg; claim the_picture_has_bars $?
exits explain_with_background 0 "$mdl" explain m.mdl d/rows.csv --background d/rows.csv -q
exits explain_of_no_such_row_is_bad_data 5 "$mdl" explain m.mdl d/rows.csv --row 100
says no_such_row_says_how_many 'has 100 rows'
exits explain_of_a_word_is_usage 2 "$mdl" explain m.mdl d/rows.csv --row last
exits explain_of_no_such_class_is_usage 2 "$mdl" explain m.mdl d/rows.csv --class 7
exits explain_of_too_many_rounds_is_usage 2 "$mdl" explain m.mdl d/rows.csv --trees 0:900
exits explain_of_one_pipe_twice_is_usage 2 "$mdl" explain - -
exits explain_of_no_trees_is_unsupported 4 "$mdl" explain "$top/tests/data/golden_v1_gblinear.mdl" d/rows.csv
exits explain_without_covers_is_unsupported 4 "$mdl" explain "$top/tests/data/golden_v1_small.mdl" small.csv
says missing_covers_say_where_they_are 'sum_hessian'

# ---- check -------------------------------------------------------------------------------

exits check_of_golden_rows 0 "$mdl" check d/cancer.mdl
prints check_says_ok 'equal               ok'
exits check_without_golden_rows_passes 0 "$mdl" check m.mdl
says check_without_golden_rows_warns 'no golden rows'
exits check_strict_without_golden_rows_fails 1 "$mdl" check m.mdl --strict
exits check_reference 0 "$mdl" check m.mdl --data d/rows.csv --reference d/predictions.csv -o g.mdl
exits check_of_added_golden_rows 0 "$mdl" check g.mdl --format csv
prints added_golden_rows_are_64 'raw,64,64,0,0,equal,ok'
exits golden_rows_are_not_replaced 2 "$mdl" check g.mdl --data d/rows.csv --reference d/predictions.csv -o g2.mdl
sed '5s/,\(.\)/,\11/' d/predictions.csv > wrong.csv
exits a_wrong_answer_fails 1 "$mdl" check m.mdl --data d/rows.csv --reference wrong.csv -o w.mdl
prints the_failing_output_is_marked FAILED
says the_failing_row_is_named 'row 3'
[ ! -e w.mdl ]; claim a_failed_check_writes_no_model $?
exits tolerance_lets_it_pass 0 "$mdl" check m.mdl --data d/rows.csv --reference wrong.csv --tolerance 1000
exits wrong_tolerance_is_usage 2 "$mdl" check m.mdl --tolerance much
exits data_without_reference_is_usage 2 "$mdl" check m.mdl --data d/rows.csv
paste -d, d/rows.csv d/predictions.csv > both.csv
exits rows_and_answers_in_one_csv 0 "$mdl" check m.mdl --reference both.csv
exits a_csv_without_answers_is_bad_data 5 "$mdl" check m.mdl --reference d/rows.csv
head -50 d/predictions.csv > half.csv
exits fewer_answers_than_rows_is_bad_data 5 "$mdl" check m.mdl --data d/rows.csv --reference half.csv
"$mdl" predict m.mdl d/rows.csv --output raw -o raw.npy -q
exits npy_answers_for_a_named_output 0 "$mdl" check m.mdl --data d/rows.csv --reference raw.npy --output raw
exits npy_answers_for_the_wrong_output_fail 1 "$mdl" check m.mdl --data d/rows.csv --reference raw.npy --output prediction

# ---- bench -------------------------------------------------------------------------------

exits bench_works 0 "$mdl" bench m.mdl --seconds 0.02 --rows 1,7 --threads 1,2 --format csv
[ "$(wc -l < out)" = 5 ]; claim bench_has_a_line_for_each_pair $?
says bench_says_what_the_rows_are 'near the thresholds'
awk -F, 'NR > 1 && !($3 > 0 && $3 <= $4 && $4 <= $5 && $6 > 0) { bad = 1 } END { exit bad }' out
claim percentiles_are_in_order $?
exits bench_splits_rows 0 "$mdl" bench m.mdl --seconds 0.02 --rows 1,5000 --threads 1,3 --split --format csv
[ "$(cut -d, -f1,2 out | tr '\n' ' ')" = 'rows,threads 1,1 5000,1 1,3 5000,3 ' ]; claim a_split_bench_has_those_lines_too $?
exits bench_with_own_rows 0 "$mdl" bench m.mdl --seconds 0.02 --rows 64 --threads 1 --data d/rows.csv --isa ref
says bench_names_the_kernels 'ref kernels'
for list in 0 1,,2 a 1, -5; do
    exits "bench_rows_${list}_is_usage" 2 "$mdl" bench m.mdl --rows=$list
done
exits wrong_engine_is_usage 2 "$mdl" bench m.mdl --engine fast
exits bench_of_one_engine 0 "$mdl" bench m.mdl --seconds 0.02 --rows 1 --threads 1 --engine plain
exits wrong_isa_is_usage 2 "$mdl" bench m.mdl --isa sse9
exits wrong_seconds_is_usage 2 "$mdl" bench m.mdl --seconds soon

# ---- categories as texts: answers of CatBoost 1.2.10 ---------------------------------------

cat > texts.csv <<'CSV'
0.5,-1,2,0.25,red,3
,1,0,0,"nothing, known",4
0,0,0,0,,-1
CSV
head -c 2000 "$top/tests/data/catboost_1.2/categories.cbm" > cut.cbm
exits a_cut_catboost_model_is_a_bad_model 3 "$mdl" convert cut.cbm -o cat.mdl
says a_cut_catboost_model_has_its_sizes 'ends after 2000 bytes, its core alone has 13048'
! grep -q "makes a .mdl file" err; claim a_cut_catboost_model_is_not_sent_to_convert $?
exits inspect_of_a_catboost_model_is_a_bad_model 3 "$mdl" inspect "$top/tests/data/catboost_1.2/categories.cbm"
says inspect_of_a_catboost_model_gets_the_way_out "'mdl convert'"
exits catboost_converts 0 "$mdl" convert "$top/tests/data/catboost_1.2/categories.cbm" -o cat.mdl
exits texts_of_categories_are_read 0 "$mdl" predict cat.mdl texts.csv --output raw -q --header no
tail -n +2 out > got.txt
printf '%s\n' 0.8246695728918955 1.438946255391975 0.18535642109555228 | cmp -s - got.txt
claim texts_give_the_answers_of_catboost $?
exits columns_of_hashes_are_shown 0 "$mdl" inspect cat.mdl
prints the_kind_of_such_columns_is_hash 'hash'
exits models_of_hashes_are_timed 0 "$mdl" bench cat.mdl --seconds 0.01 --rows 2

# ---- networks ----------------------------------------------------------------------------

nets=$top/tests/data/onnx
mkdir net
for file in "$nets"/*.onnx; do
    network=$(basename "$file" .onnx)
    exits "convert_of_$network" 0 "$mdl" convert "$file" -o "net/$network.mdl"
    exits "answers_of_${network}_are_those_of_onnx" 0 "$mdl" check "net/$network.mdl" --reference "$nets/$network.npz"
    exits "predict_of_$network" 0 "$mdl" predict "net/$network.mdl" "$nets/$network.npz" -o "net/$network.npz" -q
    exits "inspect_of_$network" 0 "$mdl" inspect "net/$network.mdl"
    ! grep -qE '(-1|18446744073709551615|4294967295)' out; claim "inspect_of_${network}_shows_no_nonsense" $?
    exits "inspect_json_of_$network" 0 "$mdl" inspect "net/$network.mdl" --format json
    ! grep -q 18446744073709551615 out; claim "inspect_json_of_${network}_shows_no_nonsense" $?
    exits "inspect_csv_of_$network" 0 "$mdl" inspect "net/$network.mdl" --format csv
    exits "without_passes_${network}_converts" 0 "$mdl" convert "$file" -o net/plain.mdl --without all
    exits "without_passes_${network}_answers_the_same" 0 "$mdl" check net/plain.mdl --reference "$nets/$network.npz"
done
exits convert_shows_the_input 0 "$mdl" convert "$nets/mlp.onnx" -o net/mlp.mdl
prints convert_names_open_dimensions '[batch, 4]'
prints convert_finds_shapes_of_outputs '[batch, 3]'
exits convert_net_as_csv 0 "$mdl" convert "$nets/conv.onnx" -o net/conv.mdl --format csv
prints convert_csv_has_all_dims 'input,image,float32,"[batch, 2, height, width]"'
exits inspect_conv 0 "$mdl" inspect net/conv.mdl
prints inspect_follows_the_batch 'scores               float32   [batch, 3]'
exits inspect_any_rank 0 "$mdl" inspect net/shapes.mdl
prints inspect_says_any_shape 'of any shape'
exits inspect_json_any_rank 0 "$mdl" inspect net/shapes.mdl --format json
prints json_shape_of_any_rank_is_null '"shape": null'

exits passes_are_listed 0 "$mdl" inspect --passes
for pass in $(sed -n 's/^PASS(\([a-z_]*\)).*/\1/p' "$top/src/optimize/pass_list.h"); do
    grep -q "^$pass " out; claim "pass_${pass}_is_listed" $?
    for file in mdl.bash _mdl mdl.fish; do
        grep -q "all.*$pass" "$top/completion/$file"; claim "${file}_completes_pass_$pass" $?
    done
done
"$mdl" convert "$nets/several.onnx" -o net/nodead.mdl --without dead,same -q > /dev/null
exits passes_of_a_model 0 "$mdl" inspect net/nodead.mdl --passes --format csv
prints a_pass_left_out_is_said 'dead,left out,'
exits passes_of_no_network 0 "$mdl" inspect m.mdl --passes
says passes_of_no_network_are_none 'no network'
exits inspect_without_a_model_is_usage 2 "$mdl" inspect
exits wrong_pass_is_usage 2 "$mdl" convert "$nets/mlp.onnx" -o x.mdl --without fold,deda
says wrong_pass_gets_a_suggestion "did you mean 'dead'"

mkdir moved
cp "$nets/external.onnx" moved/
exits external_data_elsewhere_is_not_found 6 "$mdl" convert moved/external.onnx -o x.mdl
exits external_data_is_found_with_dir 0 "$mdl" convert moved/external.onnx -o x.mdl --dir "$nets"
"$mdl" convert - -o net/piped.mdl --dir "$nets" -q < moved/external.onnx > /dev/null 2> err
claim external_data_of_a_pipe_is_found $?

exits ops_are_listed 0 "$mdl" ops
grep -qE '^Conv +ai.onnx ' out; claim ops_have_conv $?
grep -qE '^TreeEnsemble +ai.onnx.ml ' out; claim ops_have_trees $?
[ -z "$(awk '$1 != "operator" { n[$1 $2]++ } END { for (i in n) if (n[i] > 3) print i }' out)" ]
claim lines_of_one_operator_are_joined $?
exits ops_csv 0 "$mdl" ops relu --format csv -q
[ "$(head -1 out)" = 'operator,domain,from opset,to opset,becomes' ]; claim ops_csv_has_heads $?
grep -q '^LeakyRelu,ai.onnx,' out; claim ops_are_found_by_part_of_a_name $?
exits unknown_op_is_unsupported 4 "$mdl" ops Conf
says unknown_op_gets_a_suggestion "did you mean 'Conv'"

# One array, several, by option; to every kind of file.
exits mlp_as_csv 0 "$mdl" predict net/mlp.mdl "$nets/mlp.npz" -q
[ "$(head -1 out)" = 'proba_0,proba_1,proba_2' ] && [ "$(wc -l < out)" = 6 ]; claim tables_come_as_csv $?
awk -F, 'NR > 1 && ($1 + $2 + $3 < 0.99999 || $1 + $2 + $3 > 1.00001) { bad = 1 } END { exit bad }' out
claim probabilities_add_up_to_1 $?
printf 'a,b,c,d\n1,2,3,4\n-1,0.5,0,2\n' > four.csv
exits mlp_from_csv 0 "$mdl" predict net/mlp.mdl four.csv -o four.npz
exits mlp_from_csv_to_npy 0 "$mdl" predict net/mlp.mdl four.csv -o four.npy -q
[ "$(wc -c < four.npy)" = 152 ]; claim npy_of_a_net_has_128_bytes_and_6_floats $?
exits npy_is_read_by_position 5 "$mdl" predict net/mlp.mdl four.npy
says a_wrong_shape_says_both "is [2, 3], expected [batch, 4]"
says a_wrong_shape_gets_a_way_out reshape
exits several_outputs_as_text 0 "$mdl" predict net/several.mdl "$nets/several.npz" -q
prints results_have_type_and_shape 'kept: float64 [2, 3, 3]'
exits several_outputs_as_json 0 "$mdl" predict net/several.mdl "$nets/several.npz" --format json -q
prints json_has_the_shape '"shape": [2, 3, 3]'
exits one_output_as_npy 0 "$mdl" predict net/several.mdl "$nets/several.npz" --output total -o total.npy
exits two_outputs_as_npy_are_usage 2 "$mdl" predict net/several.mdl "$nets/several.npz" -o total.npy
says two_outputs_get_a_way_out '.npz holds all'
exits outputs_of_other_rows_are_no_csv 2 "$mdl" predict net/several.mdl "$nets/several.npz" -o total.csv
exits wrong_output_of_a_net_is_usage 2 "$mdl" predict net/several.mdl "$nets/several.npz" --output totl
says wrong_output_of_a_net_gets_a_suggestion "did you mean 'total'"
exits texts_come_back 0 "$mdl" predict net/strings.mdl "$nets/strings.npz" -q
[ "$(sed -n 3p out)" = '1,green' ]; claim texts_are_utf8 $?
# what was written is read again: texts, and all outputs by name
exits texts_as_npy 0 "$mdl" predict net/strings.mdl "$nets/strings.npz" --output name -o text.npy -q
exits texts_as_npy_are_read 0 "$mdl" predict net/strings.mdl text.npy --output code -q
[ "$(sort -u out | tr '\n' ' ')" = '-1 code ' ]; claim other_texts_have_other_codes $?

# Awkward input.
"$mdl" predict net/gru.mdl "$nets/gru.npz" --output h1 -o h0.npy -q
exits missing_inputs_are_usage 2 "$mdl" predict net/gru.mdl --input h0=h0.npy
says the_missing_input_is_named "input 'x' (float32 [time, batch, 3]) is not given"
exits missing_inputs_are_bad_data 5 "$mdl" predict net/several.mdl four.npz
says missing_inputs_are_named "'ids' (int64 [batch, words])"
says missing_inputs_get_a_way_out '--input NAME=FILE.npy'
exits one_array_for_several_inputs_is_bad_data 5 "$mdl" predict net/several.mdl four.npy
exits a_csv_for_several_inputs_is_bad_data 5 "$mdl" predict net/several.mdl four.csv
exits wrong_input_is_usage 2 "$mdl" predict net/several.mdl --input id=four.npy
says wrong_input_gets_a_suggestion "did you mean 'ids'"
exits an_input_without_a_file_is_usage 2 "$mdl" predict net/several.mdl --input ids
exits an_input_that_is_not_there_is_an_io_error 6 "$mdl" predict net/several.mdl --input ids=nowhere.npy
exits floats_for_integers_are_bad_data 5 "$mdl" predict net/several.mdl --input ids=four.npy
says floats_for_integers_say_both 'is float32, expected int64'
says floats_for_integers_get_a_way_out "astype('int64')"
exits texts_for_numbers_are_bad_data 5 "$mdl" predict net/mlp.mdl text.npy
exits no_data_at_all_is_usage 2 "$mdl" predict net/mlp.mdl
exits input_for_a_table_is_usage 2 "$mdl" predict m.mdl d/rows.csv --input x=four.npy
exits trees_of_a_net_are_usage 2 "$mdl" predict net/mlp.mdl four.csv --trees 0:1
printf '\223NUMPY\001\000\166\000' > object.npy
printf "%-117s\n" "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }" >> object.npy
exits objects_are_bad_data 5 "$mdl" predict net/mlp.mdl object.npy
says objects_get_a_way_out 'astype(str)'
: > empty.onnx
exits an_empty_onnx_is_a_bad_model 3 "$mdl" convert empty.onnx -o x.mdl
echo 'not a model at all' > text.onnx
exits a_text_called_onnx_is_a_bad_model 3 "$mdl" convert text.onnx -o x.mdl
head -c 400 "$nets/mlp.onnx" > cut.onnx
exits a_cut_onnx_is_a_bad_model 3 "$mdl" convert cut.onnx -o x.mdl
says the_cut_onnx_is_named cut.onnx
sed 's/Softmax/Softmaz/; s/Gemm/Gemn/' "$nets/mlp.onnx" > odd.onnx
exits unknown_operators_are_unsupported 4 "$mdl" convert odd.onnx -o x.mdl
says the_first_unknown_operator_is_named 'Gemn'
says the_second_unknown_operator_is_named 'Softmaz'
says unknown_operators_have_their_node "'hidden'"
exits inspect_of_an_onnx_file_is_a_bad_model 3 "$mdl" inspect "$nets/mlp.onnx"
says inspect_of_an_onnx_file_gets_the_way_out 'mdl convert'

exits wrong_answers_of_a_net_fail 1 "$mdl" check net/mlp.mdl --reference "$nets/mlp.npz" --tolerance 0 --format csv
exits a_reference_without_inputs_is_bad_data 5 "$mdl" check net/mlp.mdl --reference four.npz
for network in conv if loop scan several gru shapes; do
    exits "golden_tensors_go_into_$network" 0 "$mdl" check "net/$network.mdl" --reference "$nets/$network.npz" -o net/golden.mdl
    exits "golden_tensors_of_${network}_are_checked" 0 "$mdl" check net/golden.mdl --strict --format csv
    exits "golden_tensors_of_${network}_are_shown" 0 "$mdl" inspect net/golden.mdl
done
"$mdl" check net/conv.mdl --reference "$nets/conv.npz" -o net/golden.mdl > /dev/null 2>&1
exits golden_tensors_are_checked 0 "$mdl" check net/golden.mdl --format csv
prints golden_tensors_are_compared 'scores,"[2, 3]",6,'
exits golden_tensors_are_not_replaced 2 "$mdl" check net/golden.mdl --reference "$nets/conv.npz" -o x.mdl
exits check_of_a_net_without_answers_passes 0 "$mdl" check net/conv.mdl
exits strict_check_of_a_net_without_answers_fails 1 "$mdl" check net/conv.mdl --strict

exits bench_of_a_net 0 "$mdl" bench net/conv.mdl --dim batch=3 --dim height=8 --dim width=9 --seconds 0.02 --threads 1,2 --format csv
says bench_shows_shapes 'float32 [3, 2, 8, 9]'
says bench_shows_results 'float32 [3, 3]'
awk -F, 'NR > 1 && !($2 > 0 && $2 <= $3 && $3 <= $4 && $5 > 0) { bad = 1 } END { exit bad || NR != 3 }' out
claim percentiles_of_a_net_are_in_order $?
exits bench_takes_dims_by_place 0 "$mdl" bench net/conv.mdl --dim image.0=2 --dim image.2=4 --dim width=4 --seconds 0.01 --threads 1
says dims_by_place_are_taken 'float32 [2, 2, 4, 4]'
exits bench_of_other_inputs 0 "$mdl" bench net/several.mdl --seconds 0.01 --threads 1
exits wrong_dim_is_usage 2 "$mdl" bench net/conv.mdl --dim bacht=3
says wrong_dim_lists_dims 'batch, height, width'
exits bench_of_any_rank_wants_input 2 "$mdl" bench net/shapes.mdl
exits rows_of_a_net_are_usage 2 "$mdl" bench net/conv.mdl --rows 5
exits dims_of_a_table_are_usage 2 "$mdl" bench m.mdl --dim batch=5

echo "$passed passed, $failed failed"
[ $failed = 0 ]
