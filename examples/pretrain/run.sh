#!/bin/sh
# The recipe from end to end: pretrain on pairs of digits, swap the head, fine-tune on single digits, compile, run.
#
#     run.sh [--tiny] [FOLDER]
#
# --tiny takes seconds, and kills a process on the way: torchrun starts again from the last checkpoint. PNETC is the compiler as a
# command (without it, it is built), PYTHON a Python with requirements.txt, PROCESSES how many processes train (2).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tiny=
if [ "${1:-}" = --tiny ]; then
    tiny=1
    shift
fi
folder=${1:-$here/run}
python=${PYTHON:-python3}
processes=${PROCESSES:-2}
mkdir -p "$folder"
export OMP_NUM_THREADS=1

if [ -z "${PNETC:-}" ]; then
    (cd "$here/../.." && cargo build --release --package pnetc)
    PNETC=$here/../../target/release/pnetc
fi

train() {
    # On one machine; for several see the README.
    "$python" -m torch.distributed.run --standalone --nproc-per-node "$processes" --max-restarts 2 \
        "$here/train.py" "$folder/reader.py" "$@"
}

"$PNETC" build "$here/reader.pnet" --emit pytorch --output "$folder/reader.py"
if [ -n "$tiny" ]; then
    train --task pairs --out "$folder/pairs" --set width=4,experts=2 --epochs 2 --average 0.8 --save-every 4 --kill-at 10
    train --task digits --out "$folder/digits" --set width=4,experts=2 --epochs 1 --average 0.8 \
        --weights "$folder/pairs/weights.safetensors"
    settings="--set width=4 --set experts=2"
else
    train --task pairs --out "$folder/pairs" --epochs 150
    train --task digits --out "$folder/digits" --epochs 40 --rate 0.002 --weights "$folder/pairs/weights.safetensors"
    settings=
fi

# shellcheck disable=SC2086 # several options
"$PNETC" run "$here/reader.pnet" "$here/../digits/seven.png" --weights "$folder/digits/weights.safetensors" \
    --set columns=8 --set classes=10 $settings
