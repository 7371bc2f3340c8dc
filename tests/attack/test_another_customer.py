"""One conversation, two customers of the bank: what one has agreed to or proven says nothing for the other."""

from tests.talking import House


async def test_terms_are_agreed_to_by_whoever_gets_the_certificate(house: House) -> None:
    kim, lee = house.talk("kim"), house.talk("lee", customer="demo:kim")
    await kim.walk("review")
    await kim.presses(kim.valued("review=change_account"), at="enroll.account")

    lee.answered, lee.replies = kim.answered, kim.replies
    lee._count = 1000  # message ids of their own in the same conversation
    await lee.walk("details")
    await lee.presses("네, 맞아요", at="enroll.terms")
    await lee.walk("works")
    agreed = {row["number"] for row in await house.rows("SELECT number FROM agreements")}
    assert agreed == {kim.demo.number, lee.demo.number}
    assert await lee.certificates()


async def test_another_account_of_the_same_customer_does_not_ask_for_the_terms_again(house: House) -> None:
    kim = house.talk("kim")
    await kim.walk("review")
    await kim.presses(kim.valued("review=change_account"))
    await kim.walk("details", account=kim.demo.accounts[1])
    await kim.step()
    assert kim.at == "enroll.review"
