"""`certtalk remind …`: look at what is due, send it now, stop all of it and start again."""

import argparse
import sys
from collections.abc import Callable
from datetime import date, datetime, time
from typing import Any, Literal

from bot.settings import Settings
from handlers.stages import days_left
from handlers.texts import KOREA, Texts, load_texts

Add = Callable[..., argparse.ArgumentParser]


def add_verbs(verbs: Any, add: Add) -> None:
    text = "The reminders of certificates that end soon: who would get one, sending them now, holding them back."
    remind = verbs.add_parser("remind", help="expiry reminders", description=text).add_subparsers(
        dest="what", required=True
    )
    look = add("preview", preview, "who would be reminded; changes nothing", remind)
    now = add("run", run, "queue and send what is due", remind)
    for one in (look, now):
        one.add_argument("--now", metavar="DATE", help="as if it were 9 am of this day in Korea (YYYY-MM-DD)")
    now.add_argument("--yes", action="store_true", help="really remind customers as if it were that day")
    add("status", status, "how many are followed, due, waiting to be sent", remind)
    add("pause", pause, "send no reminder until `resume`; one commit, all processes", remind)
    add("resume", resume, "send them again; of what was missed only the latest", remind)


def _texts(settings: Settings) -> Texts:
    return load_texts()[settings.default_locale]


def _day(given: str | None, settings: Settings) -> datetime | None:
    """Now, or nine o'clock of the day that was given; None (and said) when that is no day."""
    from bot.service import utc_now

    if not given:
        return utc_now()
    try:
        return datetime.combine(date.fromisoformat(given), time(9), KOREA)
    except ValueError:
        print(_texts(settings)("cli.bad_date", given=given), file=sys.stderr)
        return None


async def preview(arguments: argparse.Namespace, settings: Settings) -> int:
    from bot.app import running

    texts = _texts(settings)
    if (now := _day(arguments.now, settings)) is None:
        return 2
    async with running(settings, jobs=False, keys=False) as service:
        due = await service.reminding.preview(now)
    for one in due:
        print(texts("cli.would_remind", serial=one.serial, left=days_left(one.not_after, now), until=one.not_after))
    print(texts("cli.would_remind_count", count=len(due)))
    return 0


async def run(arguments: argparse.Namespace, settings: Settings) -> int:
    from bot.app import running

    texts = _texts(settings)
    if (now := _day(arguments.now, settings)) is None:
        return 2
    if arguments.now and not (arguments.yes or settings.demo):
        print(texts("cli.say_yes", what=texts("cli.remind_what", day=now)), file=sys.stderr)
        return 2
    async with running(settings, jobs=False, keys=False) as service:
        due = await service.reminding.remind(now)
        await service.telling.work()
    print(texts("cli.reminded", count=len(due)))
    return 0


async def status(arguments: argparse.Namespace, settings: Settings) -> int:  # noqa: ARG001 - as every verb
    from bot.app import running
    from bot.storage import reminders

    texts = _texts(settings)
    async with running(settings, jobs=False, keys=False) as service:
        numbers = await service.database.read(reminders.numbers, service.clock())
        since = await service.database.read(reminders.switched_off)
    print(texts("cli.remind_paused", since=since) if since else texts("cli.remind_on"))
    print(texts("cli.remind_numbers", followed=numbers["followed"], due=numbers["due"]))
    for way in settings.notice_order.split(","):
        if numbers.get(way):
            print(texts("cli.remind_waiting", way=way, count=numbers[way]))
    return 0


async def pause(arguments: argparse.Namespace, settings: Settings) -> int:  # noqa: ARG001 - as every verb
    return await _switch("off", settings)


async def resume(arguments: argparse.Namespace, settings: Settings) -> int:  # noqa: ARG001 - as every verb
    return await _switch("on", settings)


async def _switch(to: Literal["on", "off"], settings: Settings) -> int:
    from bot.app import running
    from bot.storage import reminders
    from bot.storage.database import Tx

    texts = _texts(settings)
    async with running(settings, jobs=False, keys=False) as service:

        def act(tx: Tx) -> datetime | None:
            now = service.clock()
            if reminders.switch(tx, to, now):
                act = "reminders paused" if to == "off" else "reminders resumed"
                service.audit.append(tx, now, "operator", act, "reminders", {})
            return reminders.switched_off(tx)

        since = await service.database.run(act)
    print(texts("cli.remind_paused", since=since) if since else texts("cli.remind_on"))
    return 0
