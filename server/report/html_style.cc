#include "server/report/html_style.h"

namespace pgkeep::server {

const std::string_view kReportStyle = R"(
:root {
  color-scheme: light dark;
  --page: #f4f6f8; --card: #fff; --ink: #1b2430; --soft: #566272; --line: #dbe1e8;
  --blue: #1f5f9f; --band: #9cc3e6; --bad: #b3261e; --on-bad: #fff; --warn: #7a5200;
  --good: #22303f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #11161c; --card: #1a212a; --ink: #e7ecf2; --soft: #9fabb9; --line: #303a46;
    --blue: #86bdf0; --band: #2f5f8c; --bad: #ff8a80; --on-bad: #2a0603; --warn: #f2bd5b;
    --good: #e7ecf2;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.45 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 24px 20px 40px; }
h1 { font-size: 28px; line-height: 1.2; margin: 4px 0 18px; text-wrap: balance; }
h2 { font-size: 18px; margin: 32px 0 10px; }
h3 { font-size: 16px; margin: 0 0 8px; overflow-wrap: anywhere; unicode-bidi: isolate; }
p { margin: 0; }
code { font: .92em ui-monospace, "DejaVu Sans Mono", monospace; background: var(--page); border: 1px solid var(--line); border-radius: 4px; padding: 0 4px; overflow-wrap: anywhere; }
.soft { color: var(--soft); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 14px 16px; margin: 0; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(140px, 1fr)); gap: 12px; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 10px 14px; display: flex; flex-direction: column; }
.tile strong { font-size: 24px; line-height: 1.25; font-variant-numeric: tabular-nums; }
.tile .title, .tile .more { color: var(--soft); font-size: 13px; }
.tile.alarming { border: 2px solid var(--bad); padding: 9px 13px; }
.tile.alarming strong { color: var(--bad); }
.pill { display: inline-block; font-size: 11px; font-weight: 700; letter-spacing: .04em; line-height: 18px; border-radius: 9px; padding: 0 8px; border: 1px solid; text-decoration: none; white-space: nowrap; }
.pill.failed { background: var(--bad); color: var(--on-bad); border-color: var(--bad); }
.pill.warning { color: var(--warn); border-style: dashed; }
.need { margin-bottom: 12px; border-left-width: 6px; }
.need.failed { border-left-color: var(--bad); }
.need.warning { border-left-color: var(--warn); border-left-style: double; }
.need ul { list-style: none; margin: 0; padding: 0; display: grid; gap: 10px; }
.need li { display: grid; grid-template-columns: 84px 1fr; gap: 10px; align-items: start; }
.need .pill { justify-self: start; margin-top: 2px; }
.finding { min-width: 0; overflow-wrap: anywhere; unicode-bidi: isolate; }
.next { margin-top: 3px; }
table { width: 100%; border-collapse: collapse; }
table.card { padding: 0; border-collapse: separate; border-spacing: 0; overflow: hidden; }
thead th { color: var(--soft); font-size: 13px; font-weight: 600; text-align: right; vertical-align: bottom; padding: 10px 10px 8px; border-bottom: 1px solid var(--line); }
thead th:first-child { text-align: left; padding-left: 16px; }
tbody th { text-align: left; font-weight: 600; padding: 7px 10px 7px 16px; overflow-wrap: anywhere; }
tbody td { text-align: right; padding: 7px 10px; white-space: nowrap; font-variant-numeric: tabular-nums; vertical-align: top; }
td[colspan] { text-align: left; }
tbody tr + tr > * { border-top: 1px solid var(--line); }
th .pill { margin-left: 8px; }
.about { display: block; font-weight: 400; font-size: 13px; unicode-bidi: isolate; }
.timeline .row { display: grid; grid-template-columns: minmax(90px, 200px) 1fr 52px; gap: 10px; align-items: center; break-inside: avoid; }
.timeline .name { font-size: 13px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.timeline .gaps { font-size: 12px; font-weight: 700; color: var(--bad); text-align: right; white-space: nowrap; }
.plot { position: relative; display: block; }
.plot svg { display: block; width: 100%; height: 26px; overflow: visible; }
.axis .plot, .labels { height: 18px; border-bottom: 1px solid var(--line); }
.axis:last-child .plot, .labels { border-bottom: 0; border-top: 1px solid var(--line); }
.plot b { position: absolute; transform: translateX(-50%); font-size: 11px; font-weight: 400; color: var(--soft); white-space: nowrap; }
.plot b:last-child { transform: translateX(-100%); }
.band { fill: var(--band); }
.backup, .going, .gap, .bandline, .curve, .edge { fill: none; vector-effect: non-scaling-stroke; }
.backup { stroke: var(--good); stroke-width: 2; }
.going { stroke: var(--soft); stroke-width: 2; }
.gap { stroke: var(--bad); stroke-width: 2; stroke-dasharray: 3 3; }
.bandline { stroke: var(--band); stroke-width: 10; }
.proof { position: absolute; top: 9px; width: 8px; height: 8px; margin-left: -4px; transform: rotate(45deg); background: var(--card); border: 2px solid var(--blue); }
.proof.bad { background: var(--bad); border-color: var(--bad); }
.legend { display: flex; flex-wrap: wrap; gap: 2px 20px; color: var(--soft); font-size: 13px; margin-bottom: 8px; }
.legend span { display: inline-flex; align-items: center; gap: 6px; }
.legend svg { width: 26px; height: 20px; flex: none; }
.legend .proof { position: static; margin: 0 4px; flex: none; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(300px, 1fr)); gap: 12px; align-items: stretch; }
figure { break-inside: avoid; }
figcaption { font-weight: 600; }
figure p { color: var(--soft); font-size: 13px; margin-bottom: 10px; }
.chart { display: block; width: 100%; height: 120px; }
.bar { fill: var(--blue); }
.area { fill: var(--band); opacity: .55; }
.curve { stroke: var(--blue); stroke-width: 2; }
.edge { stroke: var(--line); stroke-width: 1; }
.grown { display: grid; grid-template-columns: minmax(80px, 2fr) 3fr 68px; gap: 8px; align-items: center; font-size: 13px; line-height: 22px; }
.grown .name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.grown svg { width: 100%; height: 10px; }
.grown .bytes { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
dl { display: grid; grid-template-columns: 120px 1fr; gap: 4px 14px; }
dt { font-weight: 600; grid-column: 1; }
dd { margin: 0; grid-column: 2; overflow-wrap: anywhere; unicode-bidi: isolate; }
footer { margin-top: 28px; color: var(--soft); font-size: 13px; overflow-wrap: anywhere; }
@media screen and (max-width: 760px) {
  main { padding: 16px 12px 28px; }
  h1 { font-size: 22px; }
  .need li { grid-template-columns: 1fr; gap: 2px; }
  .tiles { grid-template-columns: repeat(2, 1fr); gap: 8px; }
  .tiles > :last-child:nth-child(odd) { grid-column: 1 / -1; }
  table.card { border: 0; background: none; }
  thead { display: none; }
  tbody, tbody tr { display: block; }
  tbody tr { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 10px 14px; margin-bottom: 10px; display: grid; grid-template-columns: 1fr 1fr; gap: 2px 16px; }
  tbody tr + tr > * { border-top: 0; }
  tbody th { grid-column: 1 / -1; padding: 0 0 4px; }
  tbody td { display: flex; justify-content: space-between; gap: 8px; padding: 0; font-size: 14px; }
  tbody td::before { content: attr(data-title); color: var(--soft); }
  td[colspan]::before { content: none; }
  td[colspan] { grid-column: 1 / -1; }
  .timeline .row { grid-template-columns: 1fr auto; gap: 0 8px; }
  .timeline .name { grid-column: 1; }
  .timeline .plot { grid-column: 1 / -1; grid-row: 2; }
  .timeline .row { margin-bottom: 6px; }
  .axis .name, .axis .gaps { display: none; }
  dl { grid-template-columns: 1fr; }
  dd { grid-column: 1; }
  dt { margin-top: 6px; }
}
@media print {
  :root {
    color-scheme: light;
    --page: #fff; --card: #fff; --ink: #000; --soft: #444; --line: #bbb;
    --blue: #1f5f9f; --band: #9cc3e6; --bad: #a01010; --on-bad: #fff; --warn: #5f4000; --good: #000;
  }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  @page { margin: 14mm 12mm; }
  body { font-size: 9pt; }
  thead th, tbody th, tbody td { padding: 3px 6px; }
  h1 { font-size: 18pt; }
  h2 { margin-top: 18pt; }
  .timeline .row { grid-template-columns: 150px 1fr 52px; }
  .plot svg { height: 20px; }
  main { max-width: none; padding: 0; }
  .need, tbody tr, .tile { break-inside: avoid; }
  h2, thead { break-after: avoid; }
  .tiles { grid-template-columns: repeat(5, 1fr); gap: 8px; }
  .tile strong { font-size: 14pt; }
  .tile .title, .tile .more { font-size: 8pt; }
  .legend { break-after: avoid; }
}
)";

}  // namespace pgkeep::server
