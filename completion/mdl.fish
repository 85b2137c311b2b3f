# Completion of mdl for fish.  SPDX-License-Identifier: MIT

complete -c mdl -f -n __fish_use_subcommand -l version -d 'Version'
complete -c mdl -f -n __fish_use_subcommand -a demo -d 'Write a small real model and its data, convert it and compare'
complete -c mdl -f -n __fish_use_subcommand -a convert -d 'Turn a model file of a framework into a .mdl file'
complete -c mdl -f -n __fish_use_subcommand -a inspect -d 'Show what is in a .mdl file'
complete -c mdl -f -n __fish_use_subcommand -a predict -d 'Predict the rows of a .csv or .npy file'
complete -c mdl -f -n __fish_use_subcommand -a check -d 'Compare a model with what its source framework answered'
complete -c mdl -f -n __fish_use_subcommand -a bench -d 'Measure latency and rows per second'
complete -c mdl -f -n __fish_use_subcommand -a help -d 'Show help about a verb, or the table of operators'

complete -c mdl -s h -l help -d 'Help of this verb'
complete -c mdl -s q -l quiet -d 'No notes and no progress'
set -l not_demo '__fish_seen_subcommand_from convert inspect predict check bench help'
complete -c mdl -n $not_demo -x -l format -a 'table json csv' -d 'How to print'
complete -c mdl -n '__fish_seen_subcommand_from help' -f -a 'demo convert inspect predict check bench help ops'

set -l writes '__fish_seen_subcommand_from convert inspect predict check bench'
complete -c mdl -n $writes -r -s o -l out -d 'Where to write'

complete -c mdl -n '__fish_seen_subcommand_from convert' -x -l from -a 'xgboost lightgbm' -d 'Framework'
complete -c mdl -n '__fish_seen_subcommand_from convert' -x -l best-iteration -a all -d 'Rounds to keep'
complete -c mdl -n '__fish_seen_subcommand_from convert' -s f -l force -d 'Overwrite something else than a .mdl file'

complete -c mdl -n '__fish_seen_subcommand_from inspect' -s a -l all -d 'Every column and category'

complete -c mdl -n '__fish_seen_subcommand_from predict check' -x -l output -a 'value raw proba label leaf' -d 'Which output'
complete -c mdl -n '__fish_seen_subcommand_from predict' -x -l trees -d 'Boosting rounds A:B'
complete -c mdl -n '__fish_seen_subcommand_from predict' -x -l header -a 'auto yes no' -d 'Has the .csv a header'
complete -c mdl -n '__fish_seen_subcommand_from predict' -x -l columns -a 'auto name position' -d 'How columns are matched'
complete -c mdl -n '__fish_seen_subcommand_from predict' -x -l separator -d 'Between cells'
complete -c mdl -n '__fish_seen_subcommand_from predict' -x -l unknown -a 'error missing' -d 'Categories that are not known'
complete -c mdl -n '__fish_seen_subcommand_from predict' -x -l threads -d 'Threads that predict, 0 for all'

complete -c mdl -n '__fish_seen_subcommand_from check' -r -s r -l reference -d 'Rows and answers'
complete -c mdl -n '__fish_seen_subcommand_from check bench' -r -l data -d 'Rows'
complete -c mdl -n '__fish_seen_subcommand_from check' -x -s t -l tolerance -d 'Error that passes'
complete -c mdl -n '__fish_seen_subcommand_from check' -x -l golden -d 'Rows to keep'
complete -c mdl -n '__fish_seen_subcommand_from check' -l strict -d 'Exit 1 when there is nothing to compare'

complete -c mdl -n '__fish_seen_subcommand_from bench' -x -l rows -d 'Rows per call'
complete -c mdl -n '__fish_seen_subcommand_from bench' -x -l threads -d 'Threads that call'
complete -c mdl -n '__fish_seen_subcommand_from bench' -l split -d 'One caller, rows split over the threads'
complete -c mdl -n '__fish_seen_subcommand_from bench' -x -l seconds -d 'Time for each line'
complete -c mdl -n '__fish_seen_subcommand_from bench' -x -l isa -a 'ref avx2 avx512 neon' -d 'Kernel set'
complete -c mdl -n '__fish_seen_subcommand_from bench' -x -l engine -a 'plain row block planes deep' -d 'Way through trees'
