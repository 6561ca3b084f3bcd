"""Checks ONNX models and runs them, one after the other, for as long as standard input lasts.

A request is a line of JSON, {"model": BYTES, "inputs": [{"name": NAME, "shape": [...]}, ...]}, then the model, so many bytes, and the
elements of each input, little-endian f32. The reply is a line of JSON, {"outputs": [{"name": NAME, "shape": [...]}, ...]}, then the
elements of each output; or {"error": TEXT} alone. For a model whose weights are in a file beside it, "model" is its path.
"""

import json
import sys

import numpy
import onnx
import onnxruntime


def session(model):
    options = onnxruntime.SessionOptions()
    # Warnings about unused initializers and the like say nothing of outputs.
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def answer(request, read):
    model = request["model"]
    if not isinstance(model, str):
        model = read(model)
    inputs = {}
    for input in request["inputs"]:
        elements = numpy.frombuffer(read(4 * int(numpy.prod(input["shape"], dtype=numpy.int64))), "<f4")
        inputs[input["name"]] = elements.reshape(input["shape"])
    onnx.checker.check_model(model, full_check=True)
    running = session(model)
    names = [output.name for output in running.get_outputs()]
    return names, running.run(names, inputs)


def main():
    requests, replies = sys.stdin.buffer, sys.stdout.buffer
    for line in requests:
        pending = bytearray()
        try:
            names, outputs = answer(json.loads(line), requests.read)
            shapes = [{"name": name, "shape": output.shape} for name, output in zip(names, outputs)]
            reply = {"outputs": shapes}
            for output in outputs:
                pending += numpy.ascontiguousarray(output, "<f4").tobytes()
        except Exception as error:  # whatever the libraries raise is the test's to report
            reply = {"error": f"{type(error).__name__}: {error}"}
            pending = bytearray()
        replies.write(json.dumps(reply).encode() + b"\n" + pending)
        replies.flush()


main()
