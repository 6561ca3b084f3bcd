"""Runs a network of a shared library: `shared.py LIBRARY WEIGHTS LENGTH_IN LENGTH_OUT`. Prints the outputs for zeros."""

import ctypes
import sys

library = ctypes.CDLL(sys.argv[1])
pointer, size = ctypes.c_void_p, ctypes.c_size_t
library.net_network.restype = pointer
library.pnet_error.restype = ctypes.c_char_p
library.pnet_weights_load.argtypes = [pointer, ctypes.c_char_p, ctypes.POINTER(pointer)]
library.pnet_session_new.argtypes = [pointer, size, ctypes.POINTER(pointer)]
library.pnet_weights_free.argtypes = library.pnet_session_free.argtypes = [pointer]
library.pnet_run.argtypes = [pointer, pointer, pointer, size, pointer, pointer, size]


def check(status: int) -> None:
    if status != 0:
        raise SystemExit(library.pnet_error().decode())


weights, session = pointer(), pointer()
check(library.pnet_weights_load(library.net_network(), sys.argv[2].encode(), ctypes.byref(weights)))
check(library.pnet_session_new(weights, 2, ctypes.byref(session)))
inputs = (ctypes.c_float * int(sys.argv[3]))()
outputs = (ctypes.c_float * int(sys.argv[4]))()
arrays = [(pointer * 1)(ctypes.addressof(array)) for array in (inputs, outputs)]
lengths = [(size * 1)(len(array)) for array in (inputs, outputs)]
check(library.pnet_run(session, arrays[0], lengths[0], 1, arrays[1], lengths[1], 1))
library.pnet_session_free(session)
library.pnet_weights_free(weights)
print(" ".join(repr(value) for value in outputs))
