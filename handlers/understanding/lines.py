"""Understanding as a filter: one message a line in, one JSON object a line out, in lock step.

It is how the matcher is measured and how an operator tries new examples; nothing is kept between lines.
"""

import json
import sys
import time
from typing import BinaryIO, TextIO

from handlers.understanding.matcher import Matcher
from handlers.understanding.model import shipped_model

SHOWN = 5


def serve_lines() -> int:
    """The verb: standard input to standard output, UTF-8 on any terminal. The exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8")
    answer_lines(sys.stdin.buffer, sys.stdout)
    return 0


def answer_lines(stdin: BinaryIO, stdout: TextIO) -> None:
    """Answer every line of `stdin` (UTF-8; what is not becomes U+FFFD) before the next one is read."""
    matcher = Matcher(shipped_model())
    for raw in iter(stdin.readline, b""):
        line = raw.decode("utf-8", "replace").removesuffix("\n").removesuffix("\r")
        print(json.dumps(answer(matcher, line), ensure_ascii=False), file=stdout, flush=True)


def answer(matcher: Matcher, line: str) -> dict[str, object]:
    """One line's answer; `ms` is the processor time it took."""
    started = time.thread_time()
    understood = matcher.match(line)
    return {
        "text": line,
        "lang": understood.lang,
        "pred": list(understood.slugs[:SHOWN]),
        "accept": understood.accept,
        "score": understood.score,
        "decision": understood.decision,
        "ms": round((time.thread_time() - started) * 1000, 3),
    }
