"""What understanding costs: `python -m benchmarks.understanding [seconds per row]`.

Milliseconds a message (matching is plain Python on one core), the time to read the model when a process starts, and
the memory that it keeps.
"""

import itertools
import os
import subprocess
import sys
import time

from benchmarks.measuring import machine, repeated, resident_megabytes, table
from handlers.understanding import Understanding
from tests.live import ROOT

MESSAGES = {
    "Korean, short": ("수수료가 얼마예요?", "인증서 어디에 저장돼요?", "비번 까먹었어요", "상담원 연결해 주세요"),
    "Korean, long": ("어제 컴퓨터를 바꿨는데 예전 컴퓨터에 있던 인증서를 새 컴퓨터로 어떻게 옮기는지 알려 주세요",),
    "English": ("how do I back up my certificate?", "what does it cost?", "my card is locked"),
    "wrong keyboard": ("dlswmdtj qkfrmq", "tntnfy djfaksi"),
    "not ours": ("오늘 날씨 어때요?", "what is the best pizza in town?"),
}


def in_a_fresh_process() -> tuple[float, float]:
    """Seconds and MiB until understanding stands, in a process that has done nothing else."""
    command = [sys.executable, "-m", "benchmarks.understanding", "--build"]
    seconds, megabytes = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    return float(seconds), float(megabytes)


def build() -> None:
    before, started = resident_megabytes(os.getpid()) or 0.0, time.perf_counter()
    _ = Understanding().hear("인증서").understood
    print(time.perf_counter() - started, (resident_megabytes(os.getpid()) or 0.0) - before)


def main(seconds: float) -> None:
    understanding = Understanding()
    rows = []
    for name, messages in MESSAGES.items():
        turn = itertools.cycle(messages)
        rows.append([name, *repeated(seconds, lambda: understanding.hear(next(turn)).understood).cells()])  # noqa: B023
    table("Understanding a message", ("", "a second", "p50 ms", "p95 ms", "p99 ms"), rows)
    took, kept = in_a_fresh_process()
    print(f"\nReading the model: {took:.2f} s once a process; it keeps {kept:.0f} MiB.")


if __name__ == "__main__":
    if sys.argv[1:] == ["--build"]:
        build()
    else:
        print(machine())
        main(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0)
