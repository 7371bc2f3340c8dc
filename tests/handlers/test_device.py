"""Wishes the customer's own device fulfils: one question, then the page that helps."""

import pytest

from tests.talking import Talk


@pytest.mark.parametrize(
    ("wish", "journey", "button", "ends", "tool"),
    [
        ("인증서를 휴대폰으로 옮기고 싶어요", "copy", "PC에서 휴대폰으로", "copy.done_phone", "send"),
        ("인증서 복사할래요", "copy", "USB나 다른 PC로", "copy.done_folder", "copy"),
        ("인증서 내보내기 해줘", "copy", "파일 형식 바꾸기", "copy.done_file", "convert"),
        ("인증서 백업해 줘", "backup", "새로 백업하기", "backup.done_make", "copy"),
        ("인증서 백업할래요", "backup", "백업 확인하기", "backup.done_check", "check"),
        ("인증서 비밀번호 바꿀래요", "change_password", "알고 있어요", "change_password.done_known", "password"),
        ("공동인증서 암호 변경", "change_password", "잊어버렸어요", "change_password.done_forgotten", None),
    ],
)
async def test_a_wish_leads_to_its_page(
    talk: Talk, wish: str, journey: str, button: str, ends: str, tool: str | None
) -> None:
    await talk.says(wish, f"{journey}.which.ask", at=f"{journey}.which", progress=(1, 1))
    await talk.presses(button, ends, at=None)
    link = talk.replies[0].link
    assert (link and link.url) == (tool and f"{talk.service.pages_at}/device/{tool}?lang=ko")
    assert link is None or link.label.endswith("열기")


@pytest.mark.everywhere
async def test_a_shared_pc(talk: Talk) -> None:
    await talk.says("PC방에서 인증서 써도 되나요?", "faq.faq_public_pc.answer")
    await talk.presses("공용 PC 정리", "cleanup.which.ask")
    await talk.presses("네, 지금 지울게요", "cleanup.done_can_still")
    assert talk.replies[0].link is not None
    assert talk.replies[0].link.url.endswith("/device/clean?lang=ko")
    await talk.says("PC방에서 인증서 써도 되나요?", "faq.faq_public_pc.answer")
    await talk.presses("공용 PC 정리", "cleanup.which.ask")
    await talk.presses("이미 떠났어요", "cleanup.done_left")
    assert talk.replies[0].choices[0].value == "means:int_reissue"


async def test_another_answer_is_asked_again_and_a_question_is_answered_aside(talk: Talk) -> None:
    await talk.says("인증서 백업해 줘", "backup.which.ask")
    await talk.says("비밀번호 규칙이 뭐예요?", "faq.faq_password_rules.answer", "backup.which.ask", at="backup.which")
    await talk.says("해 둔 백업이 온전한지 보고 싶은데 파란색 하늘", at="backup.which")
    await talk.says("취소", at=None)


async def test_where_no_page_is_reached_it_is_said_how_to_do_it_by_hand(talk: Talk) -> None:
    talk.service.conversation.reception.in_chat = frozenset({"telegram"})
    talk.channel = "telegram"
    await talk.says("인증서 복사할래요", "copy.which.ask")
    await talk.presses("PC에서 휴대폰으로", "copy.done_by_hand", at=None)
    assert talk.replies[0].link is None
