"""The page's style sheet: one column on a laptop, the same column on paper."""

STYLE = """
:root { --ink: #1f2328; --quiet: #59636e; --rule: #d5dae0; --link: #0b62a8; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 28px 24px 64px; max-width: 988px; color: var(--ink); background: #fff;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 26px; line-height: 1.2; margin: 0 0 4px; }
h2 { font-size: 20px; margin: 44px 0 10px; padding-top: 14px; border-top: 1px solid var(--rule); }
h3 { font-size: 15px; margin: 22px 0 6px; }
p { margin: 0 0 10px; max-width: 76ch; }
a { color: var(--link); }
.quiet, figcaption, caption { color: var(--quiet); }
nav ol { margin: 14px 0 0; padding: 0; list-style: none; display: flex; flex-wrap: wrap; gap: 4px 20px; }
figure { margin: 8px 0 18px; }
figcaption, caption { font-size: 13.5px; line-height: 1.45; max-width: 84ch; }
figcaption { margin-top: 6px; }
.chart { overflow-x: auto; overflow-y: hidden; }
.missing { color: #6b4a00; background: #fff8e6; border-left: 3px solid #d9a300; padding: 8px 12px; }
.found { margin: 12px 0 0; max-width: none; }
.found + p:not(.found) { margin-top: 14px; }
code { font: 12.5px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
table { border-collapse: collapse; margin: 10px 0 14px; font-size: 14px; display: block; overflow-x: auto; }
caption { text-align: left; padding-bottom: 6px; }
th, td { text-align: left; vertical-align: top; padding: 5px 18px 5px 0; border-bottom: 1px solid var(--rule); }
th { font-weight: 600; vertical-align: bottom; }
th.n, td.n { text-align: right; padding: 5px 0 5px 18px; font-variant-numeric: tabular-nums; }
td.n { white-space: nowrap; }
.wide { font-size: 13px; }
.wide th.n, .wide td.n { padding-left: 8px; }
.wide th, .wide td { padding-right: 8px; }
.wide th:last-child, .wide td:last-child { padding-right: 0; }
.network { margin-bottom: 14px; }
svg.net { display: block; width: 100%; height: auto; }
svg.net text { font: 11px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; fill: var(--ink); }
svg.net text.title { font: 600 13px system-ui, sans-serif; }
svg.net text.under { font: 11.5px system-ui, sans-serif; fill: var(--quiet); }
.key { display: flex; flex-wrap: wrap; gap: 4px 18px; font-size: 13px; max-width: none; }
.key span { display: inline-flex; align-items: center; gap: 6px; }
.beside { display: flex; flex-wrap: wrap; gap: 0 72px; }
.settings { columns: 2; column-gap: 28px; margin: 0; white-space: pre-wrap; overflow-wrap: anywhere;
  font: 11.5px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
@media screen and (max-width: 760px) { .settings { columns: 1; } }
@page { size: A4; margin: 14mm 12mm; }
@media print {
  body { padding: 0; max-width: none; font-size: 10.5pt; -webkit-print-color-adjust: exact;
    print-color-adjust: exact; }
  a { color: inherit; text-decoration: none; }
  h1 { font-size: 18pt; } h2 { font-size: 14pt; margin-top: 22px; } h3 { font-size: 11pt; }
  h2, h3, caption { break-after: avoid; }
  p, figure:not(.long), table, tr, .network, .found, .keep { break-inside: avoid; }
  p:has(+ figure), p:has(+ .keep) { break-after: avoid; }
  p { orphans: 3; widows: 3; }
  .chart { overflow: visible; zoom: 0.74; }
  table { display: table; font-size: 9pt; }
  figcaption, caption { font-size: 9pt; }
  .settings { font-size: 7.5pt; }
}
"""
