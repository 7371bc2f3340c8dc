"""`certtalk chat`: the console channel over a running service, with the secure pages on a loopback port of its own."""

import asyncio
import contextlib
import json
import sys
import threading
from collections.abc import AsyncIterator
from typing import TextIO

from bot.app import running
from bot.channels import console
from bot.service import Service, demo_customer
from bot.serving import bound_socket, server_for
from bot.settings import Settings
from bot.storage.conversations import Message
from bot.web.application import Application
from handlers.message import Answered, CustomerId
from handlers.texts import Texts


class Console:
    """One person's console. `as_json` speaks to programs."""

    def __init__(self, service: Service, who: str, *, as_json: bool, out: TextIO) -> None:
        self.service, self.who, self.as_json, self.out = service, who, as_json, out
        self.demo = demo = service.demo_bank.customer(who) if service.settings.demo else None
        customer = demo_customer(who) if demo else CustomerId(f"console:{who}")
        self.seat = console.Seat(customer, f"demo:{who}" if demo else who)
        self.phone = demo.phone_digits if demo else None
        self.locale = demo.locale if demo and demo.locale else service.locale
        self.after = 0
        self.heard_sms: set[str] = set()

    def hello(self, url: str) -> None:
        """Say where one is, and what the demo customer would know by heart."""
        texts = self._texts()
        self._write(texts("cli.chat_hello", name=self.who, url=url))
        if self.demo:
            accounts = ", ".join(self.demo.accounts)
            self._write(texts("cli.chat_holds", holder=self.demo.name, accounts=accounts, url=url))

    async def begin(self) -> None:
        """Say hello, and read from here on."""
        service = self.service
        answered = await service.conversation.greet("console", self.seat.address, self.seat.customer, self.locale)
        self.after = await service.conversations.latest(self.seat.customer, 0)
        await self._new_sms()
        if not self.as_json:
            self._write(console.turn_text(answered.replies))

    async def hear(self, line: str) -> None:
        service = self.service
        try:
            said = console.incoming(line, self.seat, f"console:{service.new_id()}")
        except console.BadLine as error:
            self._write(json.dumps({"error": "bad_line", "text": str(error)}))
            return
        answered = Answered() if said is None else await service.conversation.handle(said)
        await service.delivering.work()
        replies = [one.reply for one in await self._unread() if one.reply is not None]
        if said is None:
            stands = await service.conversation.where(self.seat.customer)
            answered = Answered(flow=stands[0], step=stands[1])
        sms = await self._new_sms()
        if self.as_json:
            self._write(json.dumps(console.turn_object(replies, answered, sms), ensure_ascii=False))
            return
        for text in reversed(sms):
            self._write(self._texts()("cli.chat_sms", text=text))
        self._write(console.turn_text(replies))

    async def _unread(self) -> list[Message]:
        messages = await self.service.conversations.history(self.seat.customer, self.after)
        if messages:
            self.after = messages[-1].seq
        return messages

    async def _new_sms(self) -> list[str]:
        if self.phone is None:
            return []
        messages = await self.service.phones.messages(self.phone)
        fresh = [text for at, text in messages if f"{at} {text}" not in self.heard_sms]
        self.heard_sms.update(f"{at} {text}" for at, text in messages)
        return fresh

    def _texts(self) -> Texts:
        return self.service.texts[self.locale]

    def _write(self, line: str) -> None:
        self.out.write(line + "\n")
        self.out.flush()


async def talk(settings: Settings, who: str, *, as_json: bool) -> None:
    """Talk until the input ends. The pages of this conversation are served on any free loopback port."""
    listener = bound_socket("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with running(settings, pages_at=url) as service:
        application = Application(service)
        server = server_for(application)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        chat = Console(service, who, as_json=as_json, out=sys.stdout)
        if not as_json:
            chat.hello(url)
        await chat.begin()
        prompt = None if as_json else service.texts[chat.locale]("cli.chat_prompt") + " "
        async for line in _lines(sys.stdin, prompt, application.chat.closing):
            await chat.hear(line)
        if prompt and sys.stdin.isatty():
            sys.stdout.write("\n")  # the shell's prompt does not stand behind ours
        application.close()
        server.should_exit = True
        await task


async def _lines(stream: TextIO, prompt: str | None, closing: asyncio.Event) -> AsyncIterator[str]:
    """Lines of a blocking stream, until it ends or Ctrl+C. A daemon reads: nobody waits for one more line."""
    loop, lines = asyncio.get_running_loop(), asyncio.Queue[str]()

    def read() -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended before the input
            while line := stream.readline():
                loop.call_soon_threadsafe(lines.put_nowait, line)
            loop.call_soon_threadsafe(lines.put_nowait, "")

    threading.Thread(target=read, name="console", daemon=True).start()
    while True:
        if prompt and stream.isatty():
            sys.stdout.write(prompt)
            sys.stdout.flush()
        waiting = asyncio.create_task(lines.get()), asyncio.create_task(closing.wait())
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        if closing.is_set() or not (line := waiting[0].result()):
            return
        yield line
