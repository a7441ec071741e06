#!/bin/sh
# Calls a function of a running server and prints what it returns, as Lua text.
#
#   rpc.sh http://127.0.0.1:9080 'rpc.echo("hi", 42)'      ->  "hi",42
#   rpc.sh http://127.0.0.1:9080 'neosocksd.stats().num_sessions'
#   rpc.sh http://127.0.0.1:9080 'rpc.set_weight("192.0.2.11:80", 0)'
#
# The expression runs in a routine, so it may await. Exit status: 0 if it did, 1 if it failed (the
# error goes to stderr), 2 if the server could not be asked. API_TOKEN is sent if it is set.
#
# The answer is a Lua chunk: `return true, RESULTS...` or `return false, ERROR`. For code that only
# has to run, without an answer, there is /ruleset/invoke:
#
#   curl --data-binary @script.lua http://127.0.0.1:9080/ruleset/invoke
set -eu

if [ $# -ne 2 ]; then
    echo "usage: $0 API_URL EXPRESSION" >&2
    exit 2
fi

answer=$(printf 'return %s' "$2" | curl -sS --fail-with-body --max-time 60 \
    -H 'Content-Type: application/x-neosocksd-rpc; version=1' \
    ${API_TOKEN:+-H "Authorization: Bearer $API_TOKEN"} \
    --data-binary @- "$1/ruleset/rpcall") || {
    echo "${answer:-}" >&2
    exit 2
}

case $answer in
    'return true,'*) printf '%s\n' "${answer#return true,}" ;;
    'return true') ;;
    'return false,'*)
        printf '%s\n' "${answer#return false,}" >&2
        exit 1
        ;;
    *)
        printf '%s\n' "$answer" >&2
        exit 2
        ;;
esac
