"""What a search proves, and what other methods found on the same tables: shown where the run holds them."""

from helixnas.report.markup import paragraph, table
from helixnas.report.reading import Search


def proof_text(search: Search) -> str:
    """Return the certificate in words; nothing where there is none."""
    certificate = search.certificate
    if certificate is None:
        return ""
    if certificate.status == "optimal":
        claim = f"proven best of {certificate.space_size:,} networks"
    else:
        claim = (
            f"inside the limits, not proven best; its score is at most {100 * (certificate.gap or 0):.2g} % too high"
        )
    return paragraph(
        f"Certificate: {claim}, on scores and costs with the hash {certificate.instance_hash[:12]}. An independent "
        "solver checks it with: helixnas verify. Ratings and costs themselves are taken as they are."
    )


def comparison_table(search: Search) -> str:
    """Return what the other methods found; nothing where they were not run."""
    if not search.comparison:
        return ""
    rows = [
        [
            row["method"],
            "none found" if row["score"] is None else f"{row['score']:.5f}",
            "\u2013" if row["excess"] is None else f"{row['excess']:.5f}",
            f"{row['seconds']:.3f}",
            "yes" if row["finished"] else "no",
        ]
        for row in search.comparison
    ]
    head = ["method", "summed score", "above the best", "seconds", "finished in its time"]
    return table(head, rows, caption="Other search methods on the same scores, costs and limits")
