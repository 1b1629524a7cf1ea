"""What a run tells on the way if asked to: `-v` about associations, `-d` about instances."""

from dataclasses import dataclass

from hilum.cli.sending.item import Item
from hilum.cli.sending.progress import Display
from hilum.cli.sending.words import printable


@dataclass(frozen=True, slots=True)
class Talk:
    """Notes for the display, or silence."""

    display: Display
    about_associations: bool = False
    about_instances: bool = False

    def association(self, text: str) -> None:
        """Tell about an association."""
        if self.about_associations or self.about_instances:
            self.display.note(text)

    def instance(self, item: Item, text: str) -> None:
        """Tell about an instance."""
        if self.about_instances:
            self.display.note(printable(f"{item.sop_instance_uid} {item.origin}: {text}"))
