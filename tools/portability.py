"""Run the strict comparison of all chapters under other numbers of threads and other instruction sets.

`make test-portability` prints one table, chapters by settings. A cell says `same` where every output is the stored
one, or how many code cells printed something else. It ends with an error if any did. `stored` is one thread and AVX2;
`AVX-512` needs a processor that has it.
"""

import sys

from compare import compare
from project import CELL_TIMEOUT, chapter_name, chapters

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
SETTINGS = {
    "stored": {},
    "2 threads": dict.fromkeys(THREADS, "2"),
    "SSE": {
        "ATEN_CPU_CAPABILITY": "default",
        "MKL_CBWR": "COMPATIBLE",
        "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "OPENBLAS_CORETYPE": "Prescott",
    },
    "AVX-512": {
        "ATEN_CPU_CAPABILITY": "avx512",
        "MKL_CBWR": "AVX512",
        "NPY_DISABLE_CPU_FEATURES": "",
        "ONEDNN_MAX_CPU_ISA": "AVX512_CORE",
        "OPENBLAS_CORETYPE": "SkylakeX",
    },
}


def main():
    slowly = f"--nbval-cell-timeout={5 * CELL_TIMEOUT}"  # SSE takes up to twice the time
    found = {name: compare([*map(str, chapters()), slowly, "--tb=no", "-qq"], changes)[1]
             for name, changes in SETTINGS.items()}
    width = max(len(chapter_name(path)) for path in chapters())
    print(" " * width + "  " + "  ".join(SETTINGS))
    failed = False
    for chapter in map(chapter_name, chapters()):
        row = []
        for name, cells in found.items():
            same = [good for one, good, _ in cells if one == chapter]
            failed |= not same or not all(same)
            row.append(f"{'same' if all(same) else f'{same.count(False)} of {len(same)}':>{len(name)}}")
        print(f"{chapter:{width}}  " + "  ".join(row))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
