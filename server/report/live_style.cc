#include "server/report/html_style.h"

namespace pgkeep::server {

const std::string_view kLiveStyle = R"(
a { color: var(--blue); }
a.pill { color: inherit; }
a.pill.failed { color: var(--on-bad); }
a.pill.warning { color: var(--warn); }
a.name { text-decoration: none; }
a.name:hover { text-decoration: underline; }
:focus-visible { outline: 3px solid var(--blue); outline-offset: 2px; border-radius: 3px; }
.controls { display: flex; flex-wrap: wrap; gap: 8px 18px; align-items: center; margin: 0 0 10px; }
.controls input[type=search] { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: 6px 10px; min-width: 220px; }
.controls label { display: inline-flex; gap: 6px; align-items: center; min-height: 32px; }
.controls input[type=checkbox] { width: 18px; height: 18px; margin: 0; }
.controls select { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: 5px 8px; }
.controls .sorter { display: none; }
th button { font: inherit; color: inherit; background: none; border: 0; padding: 0; margin: 0; cursor: pointer; text-align: inherit; }
th button:hover { color: var(--ink); text-decoration: underline; }
th[aria-sort=ascending] button::after { content: " \2191"; }
th[aria-sort=descending] button::after { content: " \2193"; }
th[aria-sort] button { color: var(--ink); }
nav { margin-bottom: 6px; }
.list thead th:not(:first-child), .list tbody td { text-align: right; }
.list tbody th { font-weight: 400; font-variant-numeric: tabular-nums; }
.timeline + .charts { margin-top: 12px; }
[hidden] { display: none !important; }
@media screen and (max-width: 760px) {
  .controls input[type=search] { flex: 1 1 100%; min-width: 0; min-height: 40px; }
  .controls .sorter { display: inline-flex; }
  .list td:empty { display: none; }
}
@media print { .controls, nav { display: none; } }
)";

}  // namespace pgkeep::server
