# Completion of mdl for bash.  SPDX-License-Identifier: MIT

_mdl()
{
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} options=
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=($(compgen -W "demo convert inspect predict explain check bench diff ops help --help --version" -- "$word"))
        return
    fi
    case $before in
    --format)    COMPREPLY=($(compgen -W "table json csv" -- "$word")); return ;;
    --from)      COMPREPLY=($(compgen -W "xgboost lightgbm catboost ydf onnx treelite" -- "$word")); return ;;
    --output)    COMPREPLY=($(compgen -W "value raw proba label leaf shap" -- "$word")); return ;;
    --header)    COMPREPLY=($(compgen -W "auto yes no" -- "$word")); return ;;
    --columns)   COMPREPLY=($(compgen -W "auto name position" -- "$word")); return ;;
    --unknown)   COMPREPLY=($(compgen -W "error missing" -- "$word")); return ;;
    --isa)       COMPREPLY=($(compgen -W "ref avx2 avx512 neon" -- "$word")); return ;;
    --engine)    COMPREPLY=($(compgen -W "plain row block planes deep" -- "$word")); return ;;
    --without)   COMPREPLY=($(compgen -W "all fold shapes casts transposes reshapes same dead" -- "$word")); return ;;
    --dir)       COMPREPLY=($(compgen -d -- "$word")); return ;;
    --best-iteration) COMPREPLY=($(compgen -W "all" -- "$word")); return ;;
    --leaves) COMPREPLY=($(compgen -W "float16" -- "$word")); return ;;
    --trees|--staged|--early-stop|--tree|--node|--dim|--input|--separator|--tolerance|-t|--golden|--row|--class|--top|--rows|--threads|--seconds) return ;;
    esac
    case ${COMP_WORDS[1]} in
    demo)    options="--quiet --help" ;;
    convert) options="--out --from --dir --without --best-iteration --leaves --ready --force --format --quiet --help" ;;
    inspect) options="--all --importance --passes --tree --node --dot --svg --out --format --quiet --help" ;;
    predict) options="--output --input --trees --staged --early-stop --out --header --columns --separator --unknown --threads --format --quiet --help" ;;
    explain) options="--row --class --top --background --trees --svg --out --header --columns --separator --unknown --format --quiet --help" ;;
    check)   options="--reference --data --output --tolerance --out --golden --strict --format --quiet --help" ;;
    bench)   options="--rows --threads --split --data --seconds --dim --input --isa --engine --out --format --quiet --help" ;;
    diff)    options="--tolerance --header --columns --separator --unknown --out --format --quiet --help" ;;
    ops)     options="--format --quiet --help" ;;
    help)    options="--format --quiet --help" ;;
    esac
    case $word in
    -*) COMPREPLY=($(compgen -W "$options" -- "$word")) ;;
    *)  if [ "${COMP_WORDS[1]}" = help ]; then
            COMPREPLY=($(compgen -W "demo convert inspect predict explain check bench diff ops help" -- "$word"))
        else
            COMPREPLY=($(compgen -f -- "$word"))
            compopt -o filenames 2> /dev/null
        fi ;;
    esac
}
complete -F _mdl mdl
