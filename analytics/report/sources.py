"""Citations and BibTeX of what a report used: the papers of its figures and of its methods.

A method names its sources in the section References of its docstring (`winnow methods NAME` prints
it); what stands there with a DOI, a number of arXiv or of the ACL is cited.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from analytics.runtime.html import Markup, a, join
from analytics.selection.base import METHODS

__all__ = ["PAPERS", "Source", "bibtex", "cited", "sources_of"]

_DOI = re.compile(r"doi:(10\.\S+?)(?=[;,)\s]|\.\s|\.?$)")
_ARXIV = re.compile(r"arXiv:(\d{4}\.\d{4,5})")


@dataclass(frozen=True, slots=True)
class Source:
    """A paper.

    Attributes
    ----------
    text : str
        Authors, place and year in one line.
    doi, arxiv : str
        Without a prefix; empty where there is none.
    authors, title, journal, volume, pages, year : str
        For BibTeX; empty where only the line is known.
    """

    text: str
    doi: str = ""
    arxiv: str = ""
    authors: str = ""
    title: str = ""
    journal: str = ""
    volume: str = ""
    pages: str = ""
    year: str = ""

    @property
    def mark(self) -> str:
        """What two citations of the same paper share."""
        return self.doi or self.arxiv

    @property
    def address(self) -> str:
        """Where it is found."""
        return f"https://doi.org/{self.doi}" if self.doi else f"https://arxiv.org/abs/{self.arxiv}"

    @property
    def key(self) -> str:
        """Its key in BibTeX: the first author and the year."""
        first = re.split(r"[ ,]", self.authors or self.text)[0]
        return re.sub(r"\W", "", f"{first}{self.when}").lower()

    @property
    def when(self) -> str:
        """Its year."""
        found = re.findall(r"\b(?:19|20)\d{2}\b", self.text)
        return self.year or (found[-1] if found else f"20{self.arxiv[:2]}")


QUESTS = Source(
    "Schwalbe-Koda et al., Nat. Commun. 16, 4014 (2025)",
    doi="10.1038/s41467-025-59232-0",
    authors="Schwalbe-Koda, Daniel and Hamel, Sebastien and Sadigh, Babak and Zhou, Fei and "
    "Lordi, Vincenzo",
    title="Model-free estimation of completeness, uncertainties, and outliers in atomistic machine "
    "learning using information theory",
    journal="Nature Communications",
    volume="16",
    pages="4014",
    year="2025",
)
COMPRESSION = Source(
    "Yu, Lordi, Schwalbe-Koda, arXiv:2511.10561 (2025)",
    arxiv="2511.10561",
    authors="Yu, Benjamin and Lordi, Vincenzo and Schwalbe-Koda, Daniel",
    title="Maximizing Efficiency of Dataset Compression for Machine Learning Potentials With "
    "Information Theory",
    year="2025",
)
PRUNING = Source(
    "Hossain et al., arXiv:2507.09001 (2025)",
    arxiv="2507.09001",
    authors="Hossain, Sazzad and Thiagarajan, Ponkrshnan and Pathrudkar, Shashank and "
    "Taylor, Stephanie and Gangan, Abhijeet Sadashiv and Banerjee, Amartya S. and Ghosh, Susanta",
    title="Surprisingly High Redundancy in Electronic Structure Data",
    year="2025",
)
CCS = Source(
    "Zheng, Liu, Lai, Prakash, ICLR 2023, arXiv:2210.15809",
    arxiv="2210.15809",
    authors="Zheng, Haizhong and Liu, Rui and Lai, Fan and Prakash, Atul",
    title="Coverage-centric Coreset Selection for High Pruning Rates",
    journal="International Conference on Learning Representations",
    year="2023",
)
UMAP = Source(
    "McInnes, Healy, Melville, arXiv:1802.03426 (2018)",
    arxiv="1802.03426",
    authors="McInnes, Leland and Healy, John and Melville, James",
    title="UMAP: Uniform Manifold Approximation and Projection for Dimension Reduction",
    year="2018",
)
#: Papers of which more is known than one line, by their mark.
PAPERS = {each.mark: each for each in (QUESTS, COMPRESSION, PRUNING, CCS, UMAP)}


def sources_of(methods: Iterable[str], maps: Iterable[str] = ()) -> tuple[Source, ...]:
    """Return the papers of the figures, then those of the methods named and of their parts."""
    found = [QUESTS, COMPRESSION]
    for name in methods:
        for each in METHODS[name].family():
            found += _named_in(each.run.__doc__ or "")
    found += [UMAP] * ("UMAP" in maps)
    return tuple({each.mark: each for each in found}.values())


def _named_in(docstring: str) -> Iterator[Source]:
    """Yield what the section References of a docstring names."""
    _, _, section = docstring.partition("References\n")
    lines = " ".join(line.strip(" -") for line in section.splitlines())
    for entry in lines.split(";"):
        doi, arxiv = _DOI.search(entry), _ARXIV.search(entry)
        number = doi or arxiv
        if number is None:
            continue
        text = " ".join(entry[: number.start()].split()).strip(" ,")
        found = Source(text, doi=doi[1] if doi else "", arxiv=arxiv[1] if arxiv and not doi else "")
        yield PAPERS.get(found.mark, found)


def cited(sources: Iterable[Source]) -> Markup:
    """Write citations one after the other, each a link."""
    return join(
        (join(each.text, " ", a(each.address, href=each.address)) for each in sources), by="; "
    )


def bibtex(sources: Iterable[Source]) -> str:
    """Write the entries of a file of BibTeX; keys that would be equal get a letter."""
    used: dict[str, int] = {}
    entries = []
    for each in sources:
        number = used[each.key] = used.get(each.key, 0) + 1
        key = each.key if number == 1 else f"{each.key}{chr(96 + number)}"
        fields = {
            "author": each.authors,
            "title": f"{{{each.title}}}" if each.title else "",
            "journal": each.journal,
            "volume": each.volume,
            "pages": each.pages,
            "year": each.when,
            "doi": each.doi,
            "eprint": each.arxiv,
            "archiveprefix": "arXiv" if each.arxiv else "",
            "note": "" if each.title else each.text,
        }
        body = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items() if value)
        entries.append(f"@{'article' if each.journal else 'misc'}{{{key},\n{body}}}")
    return "\n\n".join(entries)
