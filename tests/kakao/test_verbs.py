"""`certtalk kakao …`: what is printed, and what is found when a real service is asked from outside."""

import asyncio
import json
from pathlib import Path

import pytest
import uvicorn

from bot.channels.kakao import checking
from bot.channels.kakao.answering import Kakao
from bot.channels.kakao.checking import check
from bot.cli import main
from bot.serving import bound_socket
from bot.settings import Settings, load_settings
from bot.web.application import Application
from tests.kakao.calls import KAKAO, SECRET
from tests.kakao.channel import kakao, settings  # noqa: F401
from tests.talking import House, house  # noqa: F401


def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, *arguments: str) -> tuple[int, str]:
    code = main([*arguments, "--data", str(tmp_path)])
    return code, capsys.readouterr().out


def test_setup_says_what_to_enter_and_makes_a_secret(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, told = run(capsys, tmp_path, "kakao", "setup")
    assert code == 0
    wanted = ("/kakao/skill", "X-CertTalk-Secret", "폴백 블록", "웰컴 블록", "CERTTALK_KAKAO_BOT", "Callback API")
    for word in wanted:
        assert word in told
    _, again = run(capsys, tmp_path, "kakao", "setup")
    assert told != again  # another secret


def test_setup_does_not_show_the_secret_in_force(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CERTTALK_KAKAO_SECRET", SECRET)
    monkeypatch.setenv("CERTTALK_KAKAO_BOT", "bot")
    assert SECRET not in run(capsys, tmp_path, "kakao", "setup")[1]


def test_export_lists_the_blocks(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    _, told = run(capsys, tmp_path, "kakao", "export")
    blocks = json.loads(told)["blocks"]
    assert [one["block"] for one in blocks] == ["웰컴 블록", "폴백 블록", "CertTalk 버튼", "CertTalk 알림"]
    assert [one["callback"] for one in blocks] == [False, True, True, False]


def test_check_says_that_it_is_off(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, told = run(capsys, tmp_path, "kakao", "check")
    assert code == 1
    assert "certtalk kakao setup" in told


def looking(port: int, **more: object) -> Settings:
    """Settings that name a service on a loopback port as the public one."""
    return load_settings(None, public_url=f"http://127.0.0.1:{port}", **KAKAO, **more)


async def words(settings: Settings) -> dict[str, str]:  # noqa: F811
    return {one.check: one.word for one in await check(settings)}


async def test_check_of_a_running_service(house: House, kakao: Kakao) -> None:  # noqa: F811
    listener = bound_socket("127.0.0.1", 0)
    port = listener.getsockname()[1]
    config = uvicorn.Config(Application(house.service, None, kakao).asgi, log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:  # noqa: ASYNC110 - uvicorn offers nothing to wait on
        await asyncio.sleep(0.01)
    try:
        assert await words(looking(port)) == {
            "kakao": "no_block", "kakao_address": "http", "kakao_skill": "ok", "kakao_door": "ok",
        }  # fmt: skip
        other = looking(port).model_copy(update={"kakao_bot": "another"})
        assert (await words(other))["kakao_skill"] == "refused"
    finally:
        server.should_exit = True
        await task
        listener.close()


async def test_check_of_nobody(unused_tcp_port: int) -> None:
    assert (await words(looking(unused_tcp_port)))["kakao_skill"] == "unreachable"


async def test_a_door_that_is_open_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    async def post(*_: object) -> tuple[int, dict[str, str]]:
        return 200, {"version": "2.0"}

    monkeypatch.setattr(checking, "_post", post)
    assert (await words(looking(1)))["kakao_door"] == "open"


@pytest.mark.parametrize(
    ("host", "public"), [("127.0.0.1", False), ("10.1.2.3", False), ("8.8.8.8", True), ("::1", False)]
)
async def test_only_a_public_address_can_be_called(host: str, public: bool) -> None:
    assert await checking._public(host, 443) is public
