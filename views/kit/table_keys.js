// Panel's table (1.9.4, tabulator-tables 6) has rows for the mouse only. Here they are one stop of the
// Tab key: arrows, Home and End go from row to row, Enter and Space do what a click does. Its roles
// are mended, too: a focusable box and loose buttons are no part of a grid.
export function letTablesHearKeys() {
  const table = Bokeh.Models.get('panel.models.tabulator.DataTabulator')
    ?.prototype.default_view?.prototype
  if (!table?.init_callbacks || table.hears_keys) return
  /** @param {HTMLElement} grid @returns {HTMLElement[]} */
  const rowsOf = (grid) => [...grid.querySelectorAll('.tabulator-row')]
    .filter((row) => row instanceof HTMLElement)
  /** A grid holds rows of cells only: what else is in it becomes one. @param {HTMLElement} grid */
  const offer = (grid) => {
    const rows = rowsOf(grid)
    /** @param {string} part @param {string} role */
    const call = (part, role) => grid.querySelector(`.tabulator-${part}`)?.setAttribute('role', role)
    call('tableholder', rows.length ? 'rowgroup' : 'none')
    call('table', 'none')
    call('footer', 'row')
    call('footer-contents', 'gridcell')
    grid.querySelector('.tabulator-tableholder')?.removeAttribute('tabindex')
    const at = rows.findIndex((row) => row.matches(':focus'))
    rows.forEach((row, i) => { row.tabIndex = i === Math.max(at, 0) ? 0 : -1 })
  }
  /** @param {KeyboardEvent} event @param {HTMLElement} grid */
  const onKey = (event, grid) => {
    const rows = rowsOf(grid)
    const at = rows.indexOf(/** @type {HTMLElement} */ (event.target))
    if (at < 0) return
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key]
    if (to !== undefined && rows[to]) {
      rows[at].tabIndex = -1
      rows[to].tabIndex = 0
      rows[to].focus()
    } else if (event.key === 'Enter' || event.key === ' ') rows[at].click()
    else if (to === undefined) return
    event.preventDefault()
    event.stopPropagation()
  }
  /** @param {any} view */
  const listen = (view) => {
    const grid = view.tabulator?.element
    if (!grid || grid.hears_keys) return
    grid.hears_keys = true
    grid.addEventListener('keydown', (/** @type {KeyboardEvent} */ event) => onKey(event, grid))
    view.tabulator.on('renderComplete', () => offer(grid))
    offer(grid)
  }
  const init = table.init_callbacks
  /** @this {any} */
  table.init_callbacks = function () {
    init.call(this)
    listen(this)
  }
  table.hears_keys = true
  for (const doc of Bokeh.documents)
    for (const item of doc.all_models)
      if (item.type.endsWith('DataTabulator')) listen(Bokeh.index.find_one(item) ?? {})
}
