#!/usr/bin/env bash
# configure.sh DIR OPTION...: sets a Meson build folder up once, with ccache where there is one.
set -euo pipefail
cd "$(dirname "$0")/.."
dir=$1
shift
if command -v ccache >/dev/null 2>&1; then
    export CC="ccache ${CC:-gcc}" CXX="ccache ${CXX:-g++}"
fi
if [ -f "$dir/build.ninja" ]; then
    meson configure "$dir" "$@" >/dev/null
else
    log=$(mktemp)
    meson setup "$dir" "$@" >"$log" 2>&1 || { cat "$log" >&2; rm -f "$log"; exit 1; }
    rm -f "$log"
fi
