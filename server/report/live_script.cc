#include "server/report/live_page.h"

namespace pgkeep::server {

// Filter and order are kept in the address after '#', so that they survive a refresh and can be bookmarked.
// The page is asked for again once a minute, unless it is not seen, or somebody types; while nothing answers, it stays and says so.
const std::string_view kPageScript = R"(
const kRefresh = 60000;
const state = new URLSearchParams(location.hash.slice(1));
const table = document.querySelector('table.fleet');

function keep() {
  for (const [key, value] of [...state]) if (!value) state.delete(key);
  history.replaceState(null, '', state.size === 0 ? location.pathname : '#' + state);
}

function make(name, properties, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

function live(table) {
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const heads = [...table.tHead.rows[0].cells];
  const titles = heads.map(head => head.textContent);
  const name = row => row.cells[0].querySelector('.name').textContent;
  const about = row => row.cells[0].textContent.toLowerCase();

  const search = make('input', {type: 'search', id: 'filter', placeholder: 'Filter servers', autocomplete: 'off'});
  search.setAttribute('aria-label', 'Filter servers by name or description');
  const problems = make('input', {type: 'checkbox', id: 'problems'});
  const shown = make('span', {className: 'soft', id: 'shown'});
  shown.setAttribute('role', 'status');
  const sorter = make('select', {id: 'sorter'}, ...titles.map((title, i) => make('option', {value: i, textContent: title})));
  const controls = make('div', {className: 'controls'}, search,
    make('label', {}, problems, 'only with problems'),
    make('label', {className: 'sorter'}, 'sort by', sorter), shown);
  table.before(controls);

  function filter() {
    const text = search.value.trim().toLowerCase();
    let count = 0;
    for (const row of rows) {
      row.hidden = !about(row).includes(text) || (problems.checked && !row.dataset.problem);
      if (!row.hidden) ++count;
    }
    for (const row of document.querySelectorAll('.timeline .row:not(.axis)')) {
      const server = rows.find(one => name(one) === row.querySelector('.name').textContent);
      row.hidden = server !== undefined && server.hidden;
    }
    shown.textContent = count === rows.length ? '' : count + ' of ' + rows.length + ' servers';
    state.set('filter', search.value);
    state.set('problems', problems.checked ? 'yes' : '');
    keep();
  }

  function compare(a, b, column, down) {
    if (column === 0) return name(a).localeCompare(name(b)) * (down ? -1 : 1);
    const key = row => row.cells[column]?.dataset.sort || '';
    if (key(a) === '' || key(b) === '') return (key(a) === '') - (key(b) === '');
    return (key(a) - key(b)) * (down ? -1 : 1);
  }

  function sort(column, down) {
    heads.forEach((head, i) => {
      if (i === column) head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
      else head.removeAttribute('aria-sort');
    });
    body.append(...[...rows].sort((a, b) => compare(a, b, column, down)));
    sorter.value = column;
    state.set('sort', (down ? '-' : '') + titles[column]);
    keep();
  }

  heads.forEach((head, i) => {
    const button = make('button', {type: 'button', id: 'sort-' + i}, titles[i]);
    button.addEventListener('click', () => sort(i, head.getAttribute('aria-sort') === 'ascending'));
    head.replaceChildren(button);
  });
  search.addEventListener('input', filter);
  problems.addEventListener('change', filter);
  sorter.addEventListener('change', () => sort(Number(sorter.value), false));
  document.addEventListener('keydown', event => {
    if (event.key !== '/' || event.ctrlKey || event.altKey || event.metaKey || event.target === search) return;
    event.preventDefault();
    search.focus();
  });

  search.value = state.get('filter') || '';
  problems.checked = state.get('problems') === 'yes';
  const wanted = state.get('sort') || '';
  const column = titles.indexOf(wanted.replace(/^-/, ''));
  if (column >= 0) sort(column, wanted.startsWith('-'));
  filter();
}

// A page of the browser's own, as after a reload that fails, would ask for nothing any more.
async function answers() {
  try {
    return (await fetch(location.pathname, {method: 'HEAD'})).ok;
  } catch {
    return false;
  }
}

function complain() {
  if (document.getElementById('silence')) return;
  const notice = make('p', {id: 'silence', textContent: 'No answer since ' + new Date().toLocaleTimeString() + '; what is shown is from before.'});
  notice.setAttribute('role', 'alert');
  document.body.prepend(notice);
}

async function refresh() {
  const typing = document.activeElement?.id === 'filter' && document.activeElement.value !== '';
  if (document.hidden || typing) return setTimeout(refresh, 2000);
  if (!await answers()) {
    complain();
    return setTimeout(refresh, 5000);
  }
  sessionStorage.setItem('focus', document.activeElement?.id || '');
  location.reload();
}

if (table) live(table);
document.getElementById(sessionStorage.getItem('focus') || '-')?.focus({preventScroll: true});
sessionStorage.removeItem('focus');
setTimeout(refresh, kRefresh);
)";

}  // namespace pgkeep::server
