"""Every catalogue at once: the same keys in both languages, sentences that render, and a tone that holds."""

import ast
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path

import pytest
from jinja2 import Environment, nodes

from bot.learning import utterances
from handlers import faq
from handlers.texts import Texts, load_texts
from handlers.understanding.model import OUT_OF_SCOPE

REPOSITORY = Path(__file__).parents[1]
NOON = datetime(2027, 10, 23, 3, 0, tzinfo=UTC)
SAMPLES = {"date": NOON, "time": NOON, "moment": NOON, "won": 4400, "days": 30, "lasts": 180}
"""What a placeholder is given, by the filter it goes through; "7" when through none."""

LABELS = frozenset(
    """
    faq_where_usable faq_fee faq_lost faq_mobile_possible faq_validity faq_other_institution faq_forgot_password
    faq_pc_and_mobile faq_identity_verification faq_revoke_how faq_prerequisites faq_pc_steps faq_mobile_steps
    faq_password_rules faq_backup faq_public_pc faq_storage_location faq_check_issued faq_renew_period faq_expired
    faq_business faq_what_is faq_cert_types faq_renew_vs_reissue faq_old_cert_after_reissue faq_leak faq_cert_not_found
    faq_issue_error faq_new_device faq_overseas_foreigner faq_minor_proxy faq_delete_vs_revoke faq_service_hours
    int_issue int_renew int_reissue int_revoke int_status int_change_password int_copy int_backup int_register_other
    int_human int_cancel int_back int_language int_help int_greeting int_thanks
    """.split()  # noqa: SIM905
)

TEXTS = load_texts()
KO, EN = TEXTS["ko"], TEXTS["en"]
both = pytest.mark.parametrize("texts", TEXTS.values(), ids=TEXTS)


def raw(texts: Texts) -> dict[str, str]:
    return dict(texts.items())


@cache
def sample(template: str) -> dict[str, object]:
    """A fitting value for every placeholder of `template`."""
    tree = Environment(autoescape=False).parse(template)
    values: dict[str, object] = {name.name: "7" for name in tree.find_all(nodes.Name)}
    for one in tree.find_all(nodes.Filter):
        if one.name in SAMPLES and isinstance(one.node, nodes.Name):
            values[one.node.name] = SAMPLES[one.name]
    return values


# -- both languages say the same things ---------------------------------------------------------------------------


def test_both_languages_have_the_same_keys() -> None:
    assert set(KO) ^ set(EN) == set()


def test_both_languages_want_the_same_placeholders() -> None:
    shared = set(KO) & set(EN)
    differing = {key for key in shared if KO.placeholders(key) != EN.placeholders(key)}
    assert differing == set()


@both
def test_every_sentence_renders(texts: Texts) -> None:
    for key, template in raw(texts).items():
        if key.startswith("format."):
            continue  # the filters themselves; see tests/handlers/test_texts.py
        values = {k: v for k, v in sample(template).items() if k in texts.placeholders(key)}
        assert texts(key, **values).strip(), key


# -- tone and safety --------------------------------------------------------------------------------------------------


@both
def test_no_number_long_enough_to_be_somebodys(texts: Texts) -> None:
    assert [key for key, value in raw(texts).items() if re.search(r"\d{9,}", value)] == []


@both
def test_no_label_is_only_a_picture(texts: Texts) -> None:
    assert [key for key, value in raw(texts).items() if not re.search(r"\w", value)] == []


@both
def test_the_resident_number_is_only_ever_refused(texts: Texts) -> None:
    refusal = re.compile("않|없|never ask|no resident|No resident|not ask|don't ask", re.IGNORECASE)
    about = [
        (key, sentence)
        for key, value in raw(texts).items()
        for sentence in re.split(r"(?<=[.!?。])\s", value)
        if re.search("주민등록번호|주민번호|resident (registration )?number", sentence)
    ]
    assert [one for one in about if not refusal.search(one[1])] == []


def test_korean_is_polite_in_one_way() -> None:
    """해요체 everywhere: 해요, never the stiff 합니다 or 하십시오."""
    stiff = [key for key, value in raw(KO).items() if re.search(r"(니다|시오|십시오)[.!?]", value)]
    assert stiff == []


def test_korean_answers_end_politely() -> None:
    spoken = {key: KO(key) for key in KO if re.fullmatch(r"faq\..*\.answer", key)}
    spoken |= {key: KO(key, in_chat=False) for key in ("terms.full", "terms.summary")}
    assert [key for key, said in spoken.items() if not re.search(r"(요\.|요\.\))$", said)] == []


# -- answers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", ["ko", "en"])
def test_every_label_is_taught_in_both_languages(lang: str) -> None:
    taught = {label for one in utterances.shipped() if one.lang == lang for label in one.labels}
    assert taught - {OUT_OF_SCOPE} == LABELS


@both
@pytest.mark.parametrize("label", sorted(LABELS))
def test_every_label_is_answered_or_does_something(texts: Texts, label: str) -> None:
    assert f"faq.{label}.question" in texts
    assert f"faq.{label}.short" in texts
    does_something = label in faq.COMMANDS or label in faq.FLOWS
    assert (f"faq.{label}.answer" in texts) != does_something
    if label.startswith("faq_"):
        assert f"faq.{label}.source" in texts
        assert re.fullmatch(r"20\d\d-\d\d-\d\d", texts(f"faq.{label}.checked"))


@both
def test_answers_fit_a_bubble_and_labels_a_button(texts: Texts) -> None:
    longest_answer, longest_label = (350, 14) if texts.locale == "ko" else (500, 18)
    for label in LABELS:
        if f"faq.{label}.answer" in texts:
            assert len(texts(f"faq.{label}.answer")) <= longest_answer, label
        assert len(texts(f"faq.{label}.short")) <= longest_label, label


def test_links_lead_to_answers() -> None:
    links = faq.load_links()
    wishes = {f"means:{label}" for label in LABELS if label.startswith("int_")}
    assert {slug for slug in LABELS if f"faq.{slug}.answer" in KO} == set(links)
    for slug, one in links.items():
        assert set(one.related) <= LABELS - {slug}, slug
        assert one.next is not None or not slug.startswith("faq_"), slug
        journeys = {f"start:{flow}" for flow in faq.FLOWS.values()}
        assert one.next in {None, "cmd:person", "start:cleanup", *journeys, *wishes - {f"means:{slug}"}}, slug
        assert (one.next or "")[len("means:") :] not in one.related, slug


@both
@pytest.mark.parametrize("in_chat", [False, True])
def test_terms_have_a_version_a_summary_and_numbered_clauses(texts: Texts, in_chat: bool) -> None:
    full = texts("terms.full", in_chat=in_chat)
    assert texts("terms.version") in full
    assert [int(n) for n in re.findall(r"^(\d+)\.", full, re.MULTILINE)] == list(range(1, 14))
    assert len(texts("terms.summary", in_chat=in_chat).splitlines()) == 5


@both
@pytest.mark.parametrize("place", ["this_pc", "usb", "phone", "folder"])
def test_every_place_has_an_install_guide(texts: Texts, place: str) -> None:
    assert f"guide.install.{place}.other" in texts


# -- nothing written that nobody says ---------------------------------------------------------------------------------

NOT_FOR_SAYING = (r"faq\..*\.(source|checked)", r"bank\..*", r"format\..*", r"\w+\.done_\w+")
"""Keys that are facts for the reviewer, are reached from templates, or put together (`Done.variant`)."""


def unused_keys(keys: Iterable[str], sources: Iterable[str], sections: Iterable[str] = ()) -> set[str]:
    """Keys no Python source names: in full, by an f-string, or as the end of a flow's key (`FLOW.STEP.ask`).

    `sections` are prefixes that go to a page as a whole (`texts.section`, `policy.html`).
    """
    patterns = {pattern for source in sources for node in ast.walk(ast.parse(source)) if (pattern := _pattern(node))}
    named = re.compile("|".join([*patterns, *(rf"{re.escape(s)}\..*" for s in sections), *NOT_FOR_SAYING]))
    return {key for key in keys if not any(named.fullmatch(end) for end in _ends(key))}


def _pattern(node: ast.AST) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"\.?[a-z][\w.]*", node.value):
        return re.escape(node.value.removeprefix("."))
    if isinstance(node, ast.JoinedStr):
        parts = [re.escape(str(p.value)) if isinstance(p, ast.Constant) else r"[\w.]+" for p in node.values]
        # An f-string of nothing but values would name every key.
        return "".join(parts).removeprefix(r"\.") if re.search(r"[a-z]{3,}", "".join(parts)) else None
    return None


def _ends(key: str) -> Iterable[str]:
    parts = key.split(".")
    return (".".join(parts[start:]) for start in range(min(len(parts), 3)))


def test_an_unused_key_is_noticed() -> None:
    sources = ['texts("a.b")\ntexts(f"faq.{slug}.answer")\nsay(".guide.x")\nReply(f"{flow}.{step}.ask")']
    keys = {"a.b", "a.c", "faq.faq_fee.answer", "faq.faq_fee.title", "guide.x", "enroll.code.ask", "page.title"}
    assert unused_keys(keys, sources, ["page"]) == {"a.c", "faq.faq_fee.title"}


def test_no_sentence_is_written_that_nobody_says() -> None:
    sources = [
        file.read_text("utf-8") for ring in ("bot", "handlers", "ca") for file in (REPOSITORY / ring).rglob("*.py")
    ]
    sources.append((REPOSITORY / "start.py").read_text("utf-8"))
    assert unused_keys(KO, sources, ["page", "tools", "chat", "desk", "policy", "kakao.page", "kakao.preview"]) == set()


def test_the_data_of_the_locales_is_all_toml() -> None:
    for locale in TEXTS:
        assert [f.name for f in (files("locales") / locale).iterdir() if not f.name.endswith(".toml")] == []
