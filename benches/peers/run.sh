#!/usr/bin/env bash
# Compares networks of the zoo with ONNX Runtime, OpenVINO and tract on this machine, in one interleaved run. Needs the Rust toolchain,
# `cc`, and Python 3.11 or later with venv; everything else goes into target/peers. Arguments are those of compare.py.
set -euo pipefail
cd "$(dirname "$0")/../.."
target=${CARGO_TARGET_DIR:-$PWD/target}
work=$PWD/target/peers

cargo build --release --quiet --package pnetc --package parameternet-c
CARGO_TARGET_DIR=$target/peers-tract cargo build --release --quiet --manifest-path benches/peers/tract/Cargo.toml
if [ ! -x "$work/python/bin/python" ]; then
    python3 -m venv "$work/python"
fi
"$work/python/bin/pip" install --quiet --disable-pip-version-check --requirement benches/peers/requirements.txt
exec "$work/python/bin/python" benches/peers/compare.py --pnetc "$target/release/pnetc" \
    --tract "$target/peers-tract/release/tract-worker" --work "$work" "$@"
