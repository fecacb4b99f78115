#!/usr/bin/env bash
# install-deps.sh GROUP...: installs what is missing of the groups build and test, as root or by sudo.
# Does nothing, and asks nobody, when everything is there.
set -euo pipefail

build="build-essential meson ninja-build pkg-config libpg-query-dev postgresql-server-dev-15 libuv1-dev
  libssl-dev libnghttp2-dev libcurl4-openssl-dev zlib1g-dev libsnappy-dev libzstd-dev liblz4-dev libbrotli-dev
  libxxhash-dev libroaring-dev libre2-dev libutf8proc-dev libyaml-dev libsqlite3-dev libjemalloc-dev
  tzdata ca-certificates"
test="ccache python3 libcmocka-dev clang-14 libclang-rt-14-dev clang-format-14 clang-tidy-14 libhttp-parser-dev
  libjansson-dev libprotobuf-c-dev postgresql-15 postgresql-client-15 python3-psycopg python3-psycopg2
  python3-sqlalchemy default-jdk-headless libpostgresql-jdbc-java sqlsmith
  prometheus prometheus-node-exporter curl openssl nodejs npm
  nghttp2-client collectd-core libmicrohttpd12 libyajl2"

have() { dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null | grep -q '^installed$'; }

missing=()
for group in "$@"; do
    for package in ${!group}; do
        # A Node.js from elsewhere serves as well as Debian's.
        case $package in
        nodejs) command -v node >/dev/null && continue ;;
        npm) command -v npm >/dev/null && continue ;;
        esac
        have "$package" || missing+=("$package")
    done
done
[ ${#missing[@]} -eq 0 ] && exit 0

echo "installing: ${missing[*]}"
as_root=()
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "run this as root, or install: ${missing[*]}" >&2; exit 1; }
    as_root=(sudo)
fi
export DEBIAN_FRONTEND=noninteractive
# Services that packages would start (postgresql, prometheus) are for tests to start by themselves.
policy=/usr/sbin/policy-rc.d
made_policy=
if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee $policy >/dev/null
    "${as_root[@]}" chmod +x $policy
    made_policy=1
fi
trap '[ -z "$made_policy" ] || "${as_root[@]}" rm -f $policy' EXIT
log=$(mktemp)
if ! { "${as_root[@]}" apt-get update -qq &&
    "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -30 "$log" >&2
    exit 1
fi
rm -f "$log"
