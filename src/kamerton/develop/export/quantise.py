"""Weights [rows, columns] as the engine's blocks: which kind for which tensor, and how.

q4_k_m follows llama.cpp's own mixture: six bits for the tensors that suffer most. gguf-py writes
the simple kinds; the k-quants are computed by the function of the engine's own shared library, so
that nothing is compiled here.
"""

from typing import TYPE_CHECKING, Any, Literal, get_args

from kamerton.formats.errors import InputError

if TYPE_CHECKING:
    import numpy as np

Quantisation = Literal["f16", "q8_0", "q4_0", "q4_1", "q4_k_m"]
_K = {"Q4_K": 12, "Q6_K": 14}
"""The engine's numbers of the kinds that only its library computes."""
_NARROW = {"Q4_K": "Q5_0", "Q6_K": "Q8_0"}
"""What llama.cpp takes where a row does not fill blocks of 256."""
LARGEST_ERROR = {
    "F32": 0.0,
    "F16": 2e-3,
    "Q8_0": 0.03,
    "Q6_K": 0.06,
    "Q5_0": 0.15,
    "Q4_0": 0.3,
    "Q4_1": 0.3,
    "Q4_K": 0.3,
}
"""How far a tensor may be from what it was, root mean square over root mean square: three times
what normally distributed weights lose. Rows in another order are 1.4 away."""
_FILE_TYPES = {"f16": 1, "q8_0": 7, "q4_0": 2, "q4_1": 3, "q4_k_m": 15}
_FUNCTION = "ggml_quantize_chunk"


def check(quantisation: str) -> None:
    """InputError where this machine cannot write that kind, before anything is computed."""
    if quantisation == "q4_k_m" and _library() is None:
        others = ", ".join(q for q in get_args(Quantisation) if q != quantisation)
        raise InputError("develop.export_no_k_quants", quantisation=quantisation, others=others)


def file_type(quantisation: str) -> int:
    """The engine's number for a whole file of that kind."""
    return _FILE_TYPES[quantisation]


def kind(name: str, columns: int, quantisation: str, tied: bool, layers: int) -> str:
    """The kind of the matrix `name` with rows of `columns` values.

    The embedding of a tied model is its output layer too, and is kept at eight bits (six in
    q4_k_m, as llama.cpp does).
    """
    if quantisation == "f16":
        return "F16"
    if quantisation == "q4_k_m":
        wanted = _mixture(name, tied, layers)
        wanted = wanted if columns % 256 == 0 else _NARROW[wanted]
    else:
        wanted = "Q8_0" if name in _OUTER else quantisation.upper()
    return wanted if columns % 32 == 0 else "F16"  # blocks of 32 do not fit


_OUTER = {"token_embd.weight", "output.weight"}


def _mixture(name: str, tied: bool, layers: int) -> str:
    """llama.cpp's Q4_K_M: V and `ffn_down` finer in the first, the last and each third layer."""
    if name == "output.weight" or (tied and name == "token_embd.weight"):
        return "Q6_K"
    if not name.endswith(("attn_v.weight", "ffn_down.weight")):
        return "Q4_K"
    layer, eighth = int(name.split(".")[1]), layers // 8
    finer = layer < eighth or layer >= 7 * layers // 8 or (layer - eighth) % 3 == 2
    return "Q6_K" if finer else "Q4_K"


def quantised(values: "np.ndarray", kind: str) -> "np.ndarray":
    """Values [rows, columns] float32 as blocks of `kind` [rows, bytes], or float16."""
    from gguf import GGMLQuantizationType, quants

    if kind in _K:
        return _by_library(values, kind)
    blocks: np.ndarray = quants.quantize(values, GGMLQuantizationType[kind])
    return blocks


def _by_library(values: "np.ndarray", kind: str) -> "np.ndarray":
    import ctypes

    import numpy as np
    from gguf import GGMLQuantizationType, quants

    library = _library()
    assert library is not None, "check() comes first"
    source = np.ascontiguousarray(values, np.float32)
    rows, columns = source.shape
    shape = quants.quant_shape_to_byte_shape(source.shape, GGMLQuantizationType[kind])
    blocks = np.zeros(shape, np.uint8)
    function = getattr(library, _FUNCTION)
    function.restype = ctypes.c_size_t
    counts = (ctypes.c_int64(0), ctypes.c_int64(rows), ctypes.c_int64(columns))
    places = (ctypes.c_void_p(source.ctypes.data), ctypes.c_void_p(blocks.ctypes.data))
    written = function(ctypes.c_int(_K[kind]), *places, *counts, None)
    if written != blocks.nbytes:
        raise RuntimeError(f"{_FUNCTION} wrote {written} bytes of {blocks.nbytes}")
    return blocks


def _library() -> Any:
    """The engine's shared library, where it lets others call its quantisation."""
    import ctypes

    import xllamacpp.xllamacpp as engine

    library = ctypes.CDLL(engine.__file__)
    return library if hasattr(library, _FUNCTION) else None
