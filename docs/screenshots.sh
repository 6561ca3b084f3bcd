#!/usr/bin/env bash
# The pictures of docs/images: pages of `pnetc analyze --html`, as Chromium shows them. Run it after a change of the page, look
# at each picture, and commit them.
#
# The steps are measured on this machine, so the picture of the roofline is of one run.
set -euo pipefail
cd "$(dirname "$0")/.."

browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || {
    echo "error: there is no Chromium; on Debian: apt-get install chromium" >&2
    exit 1
}
folder=$(mktemp --directory)
trap 'rm -rf "$folder"' EXIT

cargo build --release --locked --bin pnetc
pnetc=${CARGO_TARGET_DIR:-target}/release/pnetc
"$pnetc" analyze examples/models/parameternet.pnet --html "$folder/parameternet.html" --time >/dev/null
"$pnetc" analyze examples/digits/digits.pnet --html "$folder/digits.html" >/dev/null

# NAME PAGE HASH [light|dark [WIDTH,HEIGHT]]
picture() {
    # 0 is dark, 1 is light.
    local scheme=1
    [ "${4:-light}" = light ] || scheme=0
    "$browser" --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
        --disable-component-update --disable-sync --user-data-dir="$folder/profile" --hide-scrollbars \
        --blink-settings=preferredColorScheme=$scheme --window-size="${5:-1360,850}" --virtual-time-budget=10000 \
        --screenshot="$folder/$1.png" "file://$folder/$2.html#$3" 2>"$folder/$1.log"
    [ -s "$folder/$1.png" ] || { cat "$folder/$1.log" >&2; exit 1; }
    mv "$folder/$1.png" "docs/images/$1.png"
    echo "docs/images/$1.png: $(stat --format=%s "docs/images/$1.png") bytes"
}

picture report-graph parameternet "view=graph"
picture report-details parameternet "view=graph&select=n269&metric=parameters" dark
picture report-source parameternet "view=source&select=line:1:11"
picture report-memory parameternet "view=memory&select=buffer:21"
picture report-roofline parameternet "view=roofline&select=step:3"
picture report-tables digits "view=tables&metric=core" light 1660,850
