"""`certtalk VERB`, also as `python -m bot VERB`.

Understanding lines needs neither settings nor service, so it starts before they are loaded: in a fifth of the time.
"""

import sys


def main() -> int:
    if sys.argv[1:] == ["understand"]:
        from handlers.understanding.lines import serve_lines

        return serve_lines()
    from bot.cli import main as operate

    return operate()


if __name__ == "__main__":
    sys.exit(main())
