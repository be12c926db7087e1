// A table of rows that can be stepped through (see row_list.py). Only the rows in sight are drawn.

/**
 * @typedef {string | number[]} Cell  A text, or the columns whose dots stand there.
 * @typedef {{name: string, title: string, hint: string, right: boolean, width: string}} Column
 * @typedef {{columns: Column[], rows: string, active: number, sorted: string, falling: boolean,
 *   label: string, height: number, titles: string[], on(name: string, callback: () => void): void,
 *   send_msg(message: object): void}} Model
 */

const ROW = 25 // pixels, css/row_list.css says it too
const BEYOND = 6 // rows drawn above and below what is in sight
const REST = 90 // milliseconds of rest after which a row stepped to is shown

/** @param {{model: Model, el: HTMLElement}} view */
export function render({ model, el }) {
  const frame = document.createElement('div')
  const table = document.createElement('table')
  table.setAttribute('role', 'grid')
  table.tabIndex = 0
  const head = table.createTHead()
  const body = table.createTBody()
  frame.className = 'frame'
  frame.append(table)
  el.append(frame)
  let active = -1
  let timer = 0
  /** @type {Cell[][]} */
  let rows = []

  /** @type {(cell: Cell, to: HTMLElement) => void} */
  const fill = (cell, to) => {
    if (typeof cell === 'string') {
      to.textContent = cell
      return
    }
    if (!cell.length) to.textContent = '–'
    for (const column of cell) {
      const dot = document.createElement('i')
      dot.className = `dot m${column}`
      dot.textContent = '●'
      dot.title = model.titles[column] ?? ''
      to.append(dot)
    }
    const names = cell.map((column) => model.titles[column] ?? '')
    to.setAttribute('aria-label', names.join(', ') || 'none')
  }
  const spacer = (/** @type {number} */ rows) => {
    const row = document.createElement('tr')
    row.style.height = `${rows * ROW}px`
    row.setAttribute('aria-hidden', 'true')
    return row
  }
  const draw = () => {
    const first = Math.max(0, Math.floor(frame.scrollTop / ROW) - BEYOND)
    const seen = Math.ceil((frame.clientHeight || model.height) / ROW)
    const last = Math.min(rows.length, first + seen + 2 * BEYOND)
    const drawn = []
    for (let at = first; at < last; at++) {
      const row = document.createElement('tr')
      row.id = `row-${at}`
      row.setAttribute('aria-rowindex', String(at + 2))
      row.setAttribute('aria-selected', String(at === active))
      row.addEventListener('click', () => step(at, 0))
      for (const [index, cell] of rows[at].entries()) {
        const data = row.insertCell()
        data.setAttribute('role', 'gridcell')
        if (model.columns[index]?.right) data.className = 'right'
        fill(cell, data)
        if (typeof cell === 'string') data.title = cell
      }
      drawn.push(row)
    }
    body.replaceChildren(
      ...(first ? [spacer(first)] : []), ...drawn,
      ...(last < rows.length ? [spacer(rows.length - last)] : []))
    point()
  }
  const point = () => {
    if (active >= 0 && body.querySelector(`#row-${active}`))
      table.setAttribute('aria-activedescendant', `row-${active}`)
    else table.removeAttribute('aria-activedescendant')
  }
  const reveal = () => {
    if (active < 0) return
    const top = active * ROW
    const room = frame.clientHeight - ROW // the head lies over the first row
    if (top < frame.scrollTop) frame.scrollTop = top
    else if (top + ROW > frame.scrollTop + room) frame.scrollTop = top + ROW - room
  }
  /** @type {(at: number, wait: number) => void} */
  const step = (at, wait) => {
    if (!rows.length) return
    active = Math.min(Math.max(0, at), rows.length - 1)
    reveal()
    draw()
    clearTimeout(timer)
    const chosen = active
    timer = window.setTimeout(() => model.send_msg({ row: chosen }), wait)
  }
  const drawHead = () => {
    const row = document.createElement('tr')
    row.setAttribute('aria-rowindex', '1')
    for (const { name, title, hint, right, width } of model.columns) {
      const cell = document.createElement('th')
      cell.scope = 'col'
      if (right) cell.className = 'right'
      if (width) cell.style.width = width
      const sorted = model.sorted === name
      cell.setAttribute('aria-sort',
        sorted ? (model.falling ? 'descending' : 'ascending') : 'none')
      const button = document.createElement('button')
      button.type = 'button'
      button.textContent = title + (sorted ? (model.falling ? ' ↓' : ' ↑') : '')
      button.title = `${hint ? `${hint}. ` : ''}Sort by it`
      button.addEventListener('click', () => model.send_msg({ sort: name }))
      cell.append(button)
      row.append(cell)
    }
    head.replaceChildren(row)
  }
  const restyle = () => {
    table.setAttribute('aria-label', model.label)
    table.setAttribute('aria-rowcount', String(rows.length + 1))
    const shown = Math.min(rows.length + 1, Math.floor(model.height / ROW))
    frame.style.height = `${shown * ROW + 1}px`
  }
  const refresh = () => {
    rows = JSON.parse(model.rows)
    active = model.active
    restyle()
    drawHead()
    draw()
  }
  frame.addEventListener('scroll', draw)
  table.addEventListener('keydown', (event) => {
    if (event.target !== table) return
    const page = Math.max(1, Math.floor(frame.clientHeight / ROW) - 2)
    const to = {
      ArrowDown: active + 1, ArrowUp: active - 1, PageDown: active + page,
      PageUp: active - page, Home: 0, End: rows.length - 1,
    }[event.key]
    if (to === undefined) return
    event.preventDefault()
    step(to, REST)
  })
  model.on('rows', () => {
    const before = rows
    refresh()
    const same = before.length === rows.length && before.every((row, at) => row[0] === rows[at][0])
    if (same) return // other cells of the same rows: they stay where they are
    frame.scrollTop = 0
    draw()
  })
  for (const name of ['columns', 'sorted', 'falling', 'titles']) model.on(name, refresh)
  model.on('label', restyle)
  model.on('active', () => {
    if (active === model.active) return
    active = model.active
    reveal()
    draw()
  })
  refresh()
}
