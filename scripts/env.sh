# Settings that every script shares: where builds lie and how sanitizers behave. Sourced, not run.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PYTHON=/usr/bin/python3  # Debian's: the one that has python3-pytest
JOBS=${JOBS:-$(nproc)}

# What runs under ThreadSanitizer: the suites in which threads meet.
TSAN_FILTER=${TSAN_FILTER:-'*Loop*:*Mailbox*:*Worker*:*Relay*:*Group*'}

# A sanitizer's finding ends the process with a status no other failure uses.
SANITIZER_STATUS=97
export ASAN_OPTIONS="detect_leaks=1:halt_on_error=1:detect_stack_use_after_return=1\
:check_initialization_order=1:strict_string_checks=1:exitcode=$SANITIZER_STATUS"
export UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1:exitcode=$SANITIZER_STATUS"
export TSAN_OPTIONS="halt_on_error=1:second_deadlock_stack=1:exitcode=$SANITIZER_STATUS\
:suppressions='$ROOT/scripts/tsan.supp'"
for symbolizer in /usr/bin/llvm-symbolizer-19 /usr/lib/llvm-19/bin/llvm-symbolizer; do
    if [ -x "$symbolizer" ]; then
        export ASAN_SYMBOLIZER_PATH=$symbolizer UBSAN_SYMBOLIZER_PATH=$symbolizer
        export TSAN_SYMBOLIZER_PATH=$symbolizer LSAN_SYMBOLIZER_PATH=$symbolizer
        # TSan reads only its options.
        TSAN_OPTIONS="$TSAN_OPTIONS:external_symbolizer_path=$symbolizer"
        break
    fi
done
export PYTHONDONTWRITEBYTECODE=1

# build_dir PRESET: the release lies where people look for it, all others out of sight.
build_dir() {
    if [ "$1" = release ]; then echo "$ROOT/build"; else echo "$ROOT/.build/$1"; fi
}

# build PRESET [TARGET...]: configures if need be, and builds.
build() {
    local preset=$1 directory
    shift
    directory=$(build_dir "$preset")
    if [ ! -f "$directory/build.ninja" ]; then
        (cd "$ROOT" && cmake --preset "$preset") >"$ROOT/.configure.log" 2>&1 || {
            cat "$ROOT/.configure.log" >&2
            rm -f "$ROOT/.configure.log"
            return 1
        }
        rm -f "$ROOT/.configure.log"
    fi
    local quiet=()
    [ -t 1 ] || quiet=(-- --quiet) # in a log only what goes wrong
    cmake --build "$directory" --parallel "$JOBS" ${1:+--target "$@"} "${quiet[@]}"
}
