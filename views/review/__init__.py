"""The Review stage: what repeats, what contradicts, what is shared, what a cut would cost."""

from views.review.state import Review
from views.review.view import ReviewView

__all__ = ["Review", "ReviewView"]
