#!/bin/sh
# All tests: those with real peers, which mostly wait for them, beside all others. The output of the
# one is shown while it comes, that of the other when it has ended. With arguments: one pytest.
set -u
pytest=$1
shift
[ $# -eq 0 ] || exec "$pytest" "$@"

said=$(mktemp) || exit 1
trap 'rm -f "$said"' EXIT
"$pytest" tests/peers >"$said" 2>&1 &
peers=$!
trap 'kill "$peers" 2>/dev/null; exit 130' INT TERM
"$pytest" --ignore=tests/peers
others_code=$?
wait "$peers"
peers_code=$?
cat "$said"
[ "$others_code" -eq 0 ] && [ "$peers_code" -eq 0 ]
