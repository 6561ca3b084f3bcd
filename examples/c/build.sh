#!/bin/sh
# Compiles the network of ../digits into a static library, and main.c with it: `build.sh [FOLDER]`.
#
# PNETC names the compiler and RUNTIME_LIB the runtime library; without them, both are built here.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-$here/build}
mkdir -p "$folder"

if [ -z "${PNETC:-}" ]; then
    (cd "$here/../.." && cargo build --release --package pnetc --package parameternet-c)
    PNETC=$here/../../target/release/pnetc
fi

"$PNETC" build "$here/../digits/digits.pnet" --emit staticlib --output "$folder/libdigits.a" \
    --header "$folder/digits.h" ${RUNTIME_LIB:+--runtime-lib "$RUNTIME_LIB"}
"${CC:-cc}" -std=c99 -Wall -Wextra -Werror -O2 -I"$folder" "$here/main.c" "$folder/libdigits.a" \
    -lpthread -ldl -lm -o "$folder/digits"
