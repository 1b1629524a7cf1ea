"""One C-FIND from the command line: associate, ask, show what comes, release."""

import contextlib
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from hilum.cli.querying.answers import Answers
from hilum.cli.querying.interruption import Interruption
from hilum.cli.querying.question import Question
from hilum.cli.sending.words import duration_of
from hilum.destinations.dimse.address import Address
from hilum.destinations.dimse.finding import Find, agreed_find_options
from hilum.destinations.dimse.inquiry import inquiry_for
from hilum.destinations.dimse.options import RequestorOptions
from hilum.destinations.dimse.refusals import OperationFailed
from hilum.destinations.dimse.requestor import Requestor
from hilum.dicom.sop_classes import sop_class_name
from hilum.dicom.syntaxes import transfer_syntax
from hilum.dimse.service.query_negotiation import FindOptions
from hilum.dimse.status import DATA_SET_MISMATCH, Category
from hilum.query.level import Level

_PLURALS = {
    Level.PATIENT: ("patient", "patients"),
    Level.STUDY: ("study", "studies"),
    Level.SERIES: ("series", "series"),
    Level.IMAGE: ("instance", "instances"),
}


@dataclass(slots=True)
class Outcome:
    """What came of a question."""

    matches: int = 0
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Asking:
    """Whom to ask what, and how much of it."""

    address: Address
    options: RequestorOptions
    question: Question
    limit: int | None = None
    fuzzy: bool = False
    is_verbose: bool = False

    async def execute(self, answers: Answers, interruption: Interruption) -> Outcome:
        """Ask, and print the matches.

        Raises:
            HilumError: there was no answer, or it was a failure.
        """
        outcome = Outcome()
        started = time.monotonic()
        wish = FindOptions(relational=self.question.relational, fuzzy_names=self.fuzzy)
        inquiry = inquiry_for(self.question.find_class, wish)
        requestor = await inquiry.associate(self.address, self.options)
        if self.is_verbose:
            print(about(requestor), file=sys.stderr)
        try:
            outcome.notes += self._not_agreed(requestor)
            await self._ask(requestor, answers, interruption, outcome)
        finally:
            answers.close()
            await requestor.release()
        outcome.seconds = time.monotonic() - started
        return outcome

    async def _ask(
        self,
        requestor: Requestor,
        answers: Answers,
        interruption: Interruption,
        outcome: Outcome,
    ) -> None:
        find = Find(requestor, self.question.find_class, self.question.identifier())
        with interruption.gently(find.cancel):
            async with contextlib.aclosing(find.matches()) as matches:
                async for match in matches:
                    if self.limit is not None and outcome.matches == self.limit:
                        outcome.notes.append(f"there are more (--limit {self.limit})")
                        break
                    outcome.matches += 1
                    answers.match(match)
        outcome.notes += _notes_on(find, self.address)
        if interruption.is_wanted:
            outcome.notes.append("stopped; there may be more")

    def _not_agreed(self, requestor: Requestor) -> Iterator[str]:
        agreed = agreed_find_options(requestor, self.question.find_class)
        if self.fuzzy and not agreed.fuzzy_names:
            yield f"{self.address} did not agree to fuzzy matching of names (--fuzzy)"
        if self.question.relational and not agreed.relational:
            yield f"{self.address} did not agree to relational queries (--relational)"


def _notes_on(find: Find, address: Address) -> Iterator[str]:
    if not find.all_keys_supported:
        yield (
            f"{address} does not support all of the keys: what it does not know it did not "
            "look at, and shows empty"
        )
    if find.ending is not None and find.ending.category is Category.WARNING:
        yield f"{address} stopped: {find.ending.words}"


def in_words(outcome: Outcome, *, level: Level, address: Address) -> str:
    """Say how many matches there are."""
    one, many = _PLURALS[level]
    if not outcome.matches:
        return f"no {one} at {address} matches"
    noun = one if outcome.matches == 1 else many
    return f"{outcome.matches:,} {noun} at {address}, {duration_of(outcome.seconds)}"


def about(requestor: Requestor) -> str:
    """Say who answers, and what it agreed to."""
    names = [
        f"{sop_class_name(one.abstract_syntax)} in {transfer_syntax(one.transfer_syntax).name}"
        for one in requestor.contexts.values()
    ]
    information = requestor.accept.user_information
    agreed = "\n".join(f"  {name}" for name in names) or "  nothing"
    return (
        f"{requestor.address}, {information.implementation_version_name or 'an unnamed peer'}, "
        f"agreed to\n{agreed}"
    )


def advice_on(error: OperationFailed, question: Question) -> str:
    """Say what a failure is usually about."""
    above = [one for one in question.model.levels if one < question.level]
    missing = [
        one for one in above if not any(key.path == (one.unique_tag,) for key in question.keys)
    ]
    if missing and not question.relational:
        names = " and ".join(f"--{one.name.lower()}" for one in missing)
        return (
            f"A query at the {question.level.name} level names what is above it "
            f"(PS3.4 §C.4.1.2.2.1): give {names}, or try --relational."
        )
    if error.status == DATA_SET_MISMATCH:
        return "Try fewer keys, or another model (--patient-root, --study-root)."
    return ""
