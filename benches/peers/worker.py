"""One network in one runtime, as a process that measures when it is asked to.

    worker.py RUNTIME MODEL WEIGHTS INPUT.npy OUTPUT.npy THREADS SHAPE

Writes its first output, of SHAPE (1x1000), to OUTPUT.npy and a line of JSON with what it took to get there. Then, for every line with a number that comes
in, makes so many runs and answers with their nanoseconds as a JSON list.
"""

import ctypes
import json
import sys
import time

import numpy


def peak_bytes() -> int:
    """The most memory that the process had so far. Unlike `ru_maxrss`, it counts nothing of the process that started this one."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))


def parameternet(library_path: str, weights_path: str, x: numpy.ndarray, threads: int, shape: list[int]):
    """A network compiled by `pnetc build --emit cdylib`, by its interface for C."""
    library = ctypes.CDLL(library_path)
    pointer, size = ctypes.c_void_p, ctypes.c_size_t
    library.net_network.restype = pointer
    library.pnet_error.restype = ctypes.c_char_p
    library.pnet_weights_load.argtypes = [pointer, ctypes.c_char_p, ctypes.POINTER(pointer)]
    library.pnet_session_new.argtypes = [pointer, size, ctypes.POINTER(pointer)]
    library.pnet_run.argtypes = [pointer, pointer, pointer, size, pointer, pointer, size]

    def check(status: int) -> None:
        if status != 0:
            raise SystemExit(library.pnet_error().decode())

    weights, session = pointer(), pointer()
    check(library.pnet_weights_load(library.net_network(), weights_path.encode(), ctypes.byref(weights)))
    check(library.pnet_session_new(weights, threads, ctypes.byref(session)))
    y = numpy.zeros(shape, numpy.float32)
    arrays = [(pointer * 1)(array.ctypes.data) for array in (x, y)]
    lengths = [(size * 1)(array.size) for array in (x, y)]

    def run() -> numpy.ndarray:
        check(library.pnet_run(session, arrays[0], lengths[0], 1, arrays[1], lengths[1], 1))
        return y

    return run


def onnx_runtime(model: str, x: numpy.ndarray, threads: int):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: x}
    return lambda: session.run(None, feed)[0]


def open_vino(model: str, x: numpy.ndarray, threads: int):
    import openvino

    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": "1",
        # Its default may be a shorter type, which the others do not use.
        "INFERENCE_PRECISION_HINT": "f32",
    }
    request = openvino.Core().compile_model(model, "CPU", settings).create_infer_request()
    tensor = openvino.Tensor(x, shared_memory=True)
    request.set_input_tensor(tensor)

    def run() -> numpy.ndarray:
        request.infer()
        return request.get_output_tensor().data

    return run


def main() -> None:
    runtime, model, weights, input_path, output_path, threads, shape = sys.argv[1:]
    x = numpy.load(input_path)
    baseline = peak_bytes()
    start = time.perf_counter()
    if runtime == "parameternet":
        run = parameternet(model, weights, x, int(threads), [int(size) for size in shape.split("x")])
    elif runtime == "onnxruntime":
        run = onnx_runtime(model, x, int(threads))
    else:
        run = open_vino(model, x, int(threads))
    first = run()
    seconds = time.perf_counter() - start
    numpy.save(output_path, first)
    facts = {"first_seconds": seconds, "baseline_bytes": baseline, "peak_bytes": peak_bytes()}
    print(json.dumps(facts), flush=True)
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            begin = time.perf_counter_ns()
            run()
            times.append(time.perf_counter_ns() - begin)
        print(json.dumps(times), flush=True)


if __name__ == "__main__":
    main()
