"""A step on a page that only the customer's browser sees: the link to it, waiting for it, and another link.

`data` holds `link`, `link_step` and `link_until`; the step's own `take_…` hears `PageDone` first.
"""

from datetime import datetime, timedelta

from handlers import forgiving
from handlers.effects import OpenLink
from handlers.flow import Again, Goto, OpenPage, Turn
from handlers.office import Journey


class PageStep(Journey):
    def open_link(self, turn: Turn, step: str, purpose: str) -> None:
        """A new link is a new request: what was begun under an older one is over."""
        link_id, until = self.office.new_id(), turn.now + self.office.rules.link_life
        turn.data |= {"link": link_id, "link_step": step, "link_until": until.isoformat()}
        turn.effect(OpenLink(link_id, purpose, until))

    def page(self, turn: Turn) -> OpenPage:
        link_id, minutes = turn.data["link"], self.office.rules.link_life // timedelta(minutes=1)
        return OpenPage(self.office.pages.url(link_id), link_id, ("new_link",), {"minutes": minutes})

    def not_yet(self, turn: Turn, answer: str) -> Again | Goto:
        """The answer to whatever is written while the page is open."""
        step, alive = turn.data["link_step"], turn.now < datetime.fromisoformat(turn.data["link_until"])
        if answer == "new_link":
            # Two open pages would be two requests: the one before this is over.
            return Goto(step, ".enroll.page.replaced" if alive else None)
        if not alive:
            return Goto(step, ".enroll.page.renewed")
        return Again("waiting", free=True, meant=forgiving.finished(answer))
