"""The exercises of notebook 07."""

from utils.check.concepts import hardest, overlap_rate
from utils.check.reading import answer_map, found_text

__all__ = ["answer_map", "found_text", "hardest", "overlap_rate"]
