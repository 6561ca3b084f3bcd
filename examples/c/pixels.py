"""Prints the pixels of a grey PNG image of 8 bits a pixel as a C array of floats in 0..1.

    python3 pixels.py ../digits/three.png > three.h
"""

import struct
import sys
import zlib


def pixels(data: bytes) -> list[list[int]]:
    """The rows of the image."""
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        raise SystemExit("no PNG image")
    position, compressed, header = 8, b"", None
    while position < len(data):
        length, kind = struct.unpack(">I4s", data[position : position + 8])
        body = data[position + 8 : position + 8 + length]
        if kind == b"IHDR":
            header = struct.unpack(">IIBBBBB", body)
        elif kind == b"IDAT":
            compressed += body
        position += length + 12
    width, height, depth, color, *_, interlaced = header
    if (depth, color, interlaced) != (8, 0, 0):
        raise SystemExit("no grey image of 8 bits a pixel")
    raw = zlib.decompress(compressed)
    rows, above = [], [0] * width
    for y in range(height):
        line = raw[y * (width + 1) : (y + 1) * (width + 1)]
        row = []
        for x, value in enumerate(line[1:]):
            left, up, corner = (row[x - 1], above[x], above[x - 1]) if x else (0, above[0], 0)
            distances = [abs(left + up - corner - neighbour) for neighbour in (left, up, corner)]
            nearest = (left, up, corner)[distances.index(min(distances))]
            row.append((value + (0, left, up, (left + up) // 2, nearest)[line[0]]) % 256)
        rows.append(row)
        above = row
    return rows


rows = pixels(open(sys.argv[1], "rb").read())
print(f"/* The pixels of {sys.argv[1].split('/')[-1]}, made by pixels.py. */")
print(f"static const float PIXELS[{len(rows) * len(rows[0])}] = {{")
for row in rows:
    print("    " + " ".join(f"{value} / 255.0f," for value in row))
print("};")
