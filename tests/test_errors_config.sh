#!/usr/bin/env bash
# Every kind of wrong configuration that belongs to the file rather than to the data: exit code and message of check.
# SPDX-License-Identifier: BSD-3-Clause
set -u
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
failures=$folder/failures # a file: the calls stand in pipes
: >"$failures"

# wrong EXIT PATTERN [key=value...]: the file comes from standard input
wrong() {
    local want=$1 pattern=$2
    shift 2
    cat >x.cfg
    "$POLYPTYCH" check x.cfg "$@" >log 2>&1
    local got=$?
    echo . >>"$folder/tried"
    if [ $got != "$want" ] || ! grep -qE -- "$pattern" log; then
        echo . >>"$failures"
        echo "wanted exit $want and /$pattern/, got $got:"
        sed 's/^/    /' x.cfg
        head -5 log
    fi
}

# A chain with something in load, in ptycho, and beside the stages; the data file is missing on purpose: 2 goes before 3.
chain() { # LOAD PTYCHO SETTINGS
    cat <<C
schema = 1; output = "out"; $3
stages = (
  { use = "load"; file = "none.cxi"; angle = 0.0; $1 },
  { use = "ptycho"; $2 },
  { use = "stitch"; },
  { use = "save"; } );
C
}

# names
chain '' 'iteratons = 5;' '' | wrong 2 "x.cfg:4: stage 'ptycho': unknown parameter 'iteratons', did you mean 'iterations'\?"
chain '' '' 'ouput = "x";' | wrong 2 "x.cfg:1: unknown parameter 'ouput', did you mean 'output'\?"
chain '' '' 'iterations = 5;' | wrong 2 "x.cfg:1: unknown parameter 'iterations'"
echo 'schema = 1; stages = ( { use = "lod"; } );' | wrong 2 "^x.cfg:1: stage 'lod': .*did you mean 'load'\?"
echo 'schema = 1; stages = ( { use = "qqqqqqqq"; } );' | wrong 2 "x.cfg:1: stage 'qqqqqqqq': .*there are .*load"
echo 'schema = 1; stages = ( { us = "load"; } );' | wrong 2 'x.cfg:1: stage 1 of the list has no name'
# types
chain '' 'iterations = "many";' '' | wrong 2 "x.cfg:4: stage 'ptycho': iterations must be an integer, found \"many\""
chain '' 'iterations = 2.5;' '' | wrong 2 "x.cfg:4: stage 'ptycho': iterations must be an integer, found 2.5"
chain '' 'refine_probe = 1;' '' | wrong 2 'refine_probe must be true or false, found 1'
chain 'views = 5;' '' '' | wrong 2 'x.cfg:3: .*views must be a text in quotes, found 5'
chain 'angle = "zero";' '' '' >y; sed 's/angle = 0.0; //' y | wrong 2 'angle must be a finite number.*found "zero"'
chain '' 'iterations = [1, 2];' '' | wrong 2 'iterations must be an integer, found a list of 2'
chain '' 'iterations = { a = 1; };' '' | wrong 2 'iterations must be an integer, found a group'
# ranges and choices
chain '' 'iterations = -5;' '' | wrong 2 'x.cfg:4: .*iterations = -5 is outside'
chain '' 'iterations = 3000000000;' '' | wrong 2 'iterations = 3000000000 does not fit in 32 bits: write 3000000000L'
chain '' '' 'seed = 12345678901;' | wrong 2 'x.cfg:1: seed = 12345678901 does not fit in 32 bits'
chain '' '' 'threads = -1;' | wrong 2 'x.cfg:1: threads = -1 is outside 0 to'
chain '' 'model = "gauss";' '' | wrong 2 'x.cfg:4: .*model = "gauss" is not known.*amplitude, poisson'
chain '' 'model = "poison";' '' | wrong 2 'did you mean "poisson"'
chain '' '' 'on_error = "ignore";' | wrong 2 'on_error = "ignore" is not known.*continue, stop'
chain '' '' 'backend = "gpu";' | wrong 2 'backend = "gpu" is not known.*cpu'
if "$POLYPTYCH" devices | grep -q '^cuda .*not built in'; then
    chain '' '' 'backend = "cuda";' | wrong 2 'x.cfg:1: backend = "cuda" is not built in this version'
fi
# values that must be given
chain '' 'iterations = "REQUIRED";' '' | wrong 2 "x.cfg:4: stage 'ptycho': iterations is REQUIRED"
chain 'views = REQUIRED;' '' '' | wrong 2 'x.cfg:3: REQUIRED is left in place'
# twice
chain '' 'iterations = 5; iterations = 6;' '' | wrong 2 "x.cfg:4: 'iterations' is given twice"
chain '' '' 'seed = 1; seed = 2;' | wrong 2 "x.cfg:1: 'seed' is given twice"
chain '' 'id = "load";' '' | wrong 2 "x.cfg:4: stage 'load': another stage has this id"
chain '' 'id = "a b";' '' | wrong 2 'an id is made of letters'
# the frame of the file
chain '' '' '' | sed 's/schema = 1;//' | wrong 2 'x.cfg:1: schema is missing'
chain '' '' '' | sed 's/schema = 1;/schema = 9;/' | wrong 2 'schema = 9 is outside'
echo 'schema = 1;' | wrong 2 'stages is missing'
echo 'schema = 1; stages = ();' | wrong 2 'stages must be a list'
echo 'schema = 1; stages = ( { use = "load" ' | wrong 2 'x.cfg:1: the file ends, but'
printf 'schema = 1;\nseed = = 2;\n' | wrong 2 'x.cfg:2: syntax error'
chain '' 'model = poisson;' '' | wrong 2 'x.cfg:4: syntax error'
: | wrong 2 'schema is missing'
printf 'schema = 1;\n@include "part.cfg"\n' | wrong 2 'x.cfg:2: .*part.cfg'
printf 'stages = (\n{ use = "lod"; } );\n' >part.cfg
printf 'schema = 1;\n@include "part.cfg"\n' | wrong 2 "part.cfg:2: stage 'lod'"
printf 'schema = 1; @include "part.cfg"\n' | wrong 2 'x.cfg:1: syntax error: @include .*start of a line'
printf 'schema = 1;\n@include "part.cfg" sed = 1; // what follows counts\n' | wrong 2 "x.cfg:2: unknown parameter 'sed'"
printf '@include "x.cfg"\n' | wrong 2 'does a file include itself'
# the mark of UTF-8 that some editors write is no part of the file
printf '\xef\xbb\xbfschema = 1;\nsed = 1;\n' | wrong 2 "x.cfg:2: unknown parameter 'sed'"
# the command line
chain '' '' '' | wrong 2 "command line: stage 'ptycho': unknown parameter 'iteratons'" ptycho.iteratons=5
chain '' '' '' | wrong 2 "command line: stage 'ptycho': iterations must be an integer, found \"many\"" ptycho.iterations=many
chain '' '' '' | wrong 2 "no stage 'ptyco', did you mean 'ptycho'" ptyco.iterations=5
chain '' '' '' | wrong 2 "command line: unknown parameter 'thread'" thread=5
# missing data: of the data, not of the file
chain '' '' '' | wrong 3 "x.cfg:3: stage 'load': file: .*none.cxi: there is no such file"
chain 'probe_file = "probe.cxi";' '' '' | wrong 3 'probe_file: .*probe.cxi: there is no such file'
# a plugin that is not there
chain '' '' 'plugins = "lost.so";' | wrong 3 'warning: plugin .*/lost.so is not used: there is no such file'
# the chain
echo 'schema = 1; stages = ( { use = "ptycho"; }, { use = "stitch"; } );' | wrong 2 "x.cfg:1: stage 'ptycho': "
chain '' '' '' | sed 's/{ use = "ptycho";  },//' | wrong 2 "stage 'stitch': "
chain '' '' '' | sed 's/use = "ptycho"/use = "stitch"/; s/{ use = "stitch"; },/{ use = "ptycho"; },/' | wrong 2 "stage 'stitch': "
chain '' '' '' | sed 's/{ use = "stitch"; },/{ use = "load"; id = "again"; file = "none.cxi"; },/' | wrong 2 "stage 'again': "

# a wrong name is told once, without what follows from it
chain '' '' '' | sed 's/use = "load"/use = "lod"/' >x.cfg
"$POLYPTYCH" check x.cfg >log 2>&1
[ "$(grep -c . log)" = 1 ] || { echo "more than the unknown stage is told"; cat log; echo . >>"$failures"; }
chain 'probe_file = "probe.cxi";' '' '' >x.cfg
"$POLYPTYCH" check x.cfg >log 2>&1
[ "$(grep -c 'probe.cxi' log)" = 1 ] || { echo "a missing probe_file is told twice"; cat log; echo . >>"$failures"; }

# all at once
chain 'crp = 5;' 'iterations = 0; model = "x";' 'sed = 1;' >x.cfg
"$POLYPTYCH" check x.cfg >log 2>&1
told=$(grep -cE 'x.cfg:[0-9]+: ' log)
[ "$told" -ge 5 ] || { echo "5 errors, $told told"; cat log; echo . >>"$failures"; }
# from another folder the file's own paths stay
mkdir -p sub && chain '' '' '' >sub/x.cfg
"$POLYPTYCH" check sub/x.cfg >log 2>&1
grep -q "$folder/sub/none.cxi" log || { echo "a path is not relative to the file"; cat log; echo . >>"$failures"; }
"$POLYPTYCH" check sub/x.cfg load.file=here.cxi >log 2>&1
grep -q "$folder/here.cxi" log || { echo "a path given here is not relative to here"; cat log; echo . >>"$failures"; }
tried=$(wc -l <"$folder/tried")
echo "$tried wrong files, $(wc -l <"$failures") wrong answers"
[ "$tried" -ge 45 ] && [ ! -s "$failures" ]
