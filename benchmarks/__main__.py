"""All benchmarks, quickly: `python -m benchmarks` prints Markdown tables in about a minute.

Storage has a benchmark of its own with a real PostgreSQL: `python -m benchmarks.storage`.
"""

import sys

from benchmarks import issue, kakao, telegram, turns, understanding
from benchmarks.measuring import in_fast_loop, machine

if __name__ == "__main__":
    patience = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    print(machine())
    in_fast_loop(turns.main(2 * patience))
    in_fast_loop(telegram.main(3 * patience))
    in_fast_loop(kakao.main(2 * patience))
    in_fast_loop(issue.main(int(400 * patience)))
    understanding.main(patience / 2)
