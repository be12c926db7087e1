// Rows that a filter is put together from (see filter_form.py): and/or, column, comparison, value.

/**
 * @typedef {{name: string, title: string, hint: string, kind: 'number' | 'category',
 *   values: string[]}} Column
 * @typedef {{join: string, column: string, sign: string, value: string, text: boolean}} Row
 * @typedef {{rows: Row[], columns: Column[], signs: Record<string, [string, string][]>,
 *   note: string, on(name: string, callback: () => void): void,
 *   send_msg(message: object): void}} Model
 */

const WAIT = 250 // milliseconds of rest after which a value that is typed counts

/** @param {[string, string][]} options @param {string} value @param {string} name */
function select(options, value, name) {
  const element = document.createElement('select')
  element.setAttribute('aria-label', name)
  for (const [key, label] of options) element.append(new Option(label, key, false, key === value))
  return element
}

/** @param {{model: Model, el: HTMLElement}} view */
export function render({ model, el }) {
  const body = document.createElement('div')
  body.className = 'rows'
  body.setAttribute('role', 'group')
  body.setAttribute('aria-label', 'Rows of the filter')
  const note = document.createElement('div')
  note.className = 'said'
  const more = document.createElement('div')
  more.className = 'actions'
  const add = document.createElement('button')
  add.type = 'button'
  add.textContent = 'Add a row'
  more.append(add)
  el.append(body, note, more)
  /** @type {Row[]} */
  let rows = []
  let sent = ''
  let timer = 0

  /** @type {(name: string) => Column} */
  const column = (name) => model.columns.find((each) => each.name === name) ?? model.columns[0]
  const tell = () => {
    clearTimeout(timer)
    sent = JSON.stringify(rows)
    model.send_msg({ rows })
  }
  /** @type {(at: number, change: Partial<Row>, redraw?: boolean) => void} */
  const change = (at, to, redraw = false) => {
    rows = rows.map((row, index) => (index === at ? { ...row, ...to } : row))
    if (redraw) draw()
    tell()
  }
  /** @type {(row: Row, at: number) => HTMLElement} */
  const line = (row, at) => {
    const element = document.createElement('div')
    element.className = 'row'
    const of = column(row.column)
    const join = select([['and', 'and'], ['or', 'or']], row.join, `How row ${at + 1} is joined`)
    join.addEventListener('change', () => change(at, { join: join.value }))
    const names = select(
      model.columns.map(({ name, title }) => [name, title]), row.column, `Column of row ${at + 1}`)
    names.addEventListener('change', () => {
      const text = column(names.value).kind === 'category'
      const same = text === row.text
      change(at, {
        column: names.value, text,
        sign: same ? row.sign : text ? '==' : '>', value: same && !text ? row.value : '',
      }, true)
    })
    const sign = select(model.signs[of.kind], row.sign, `Comparison of row ${at + 1}`)
    sign.addEventListener('change', () => change(at, { sign: sign.value }))
    const value = document.createElement('input')
    value.type = 'text'
    value.value = row.value
    value.setAttribute('aria-label', `Value of row ${at + 1}`)
    value.placeholder = of.kind === 'number' ? of.hint || 'number' : 'value'
    if (of.values.length) {
      const list = document.createElement('datalist')
      list.id = `values-${at}`
      list.append(...of.values.map((each) => new Option(each, each)))
      value.setAttribute('list', list.id)
      element.append(list)
    }
    value.addEventListener('input', () => {
      rows = rows.map((each, index) => (index === at ? { ...each, value: value.value } : each))
      clearTimeout(timer)
      timer = window.setTimeout(tell, WAIT)
    })
    value.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter') return
      event.preventDefault()
      tell()
    })
    const remove = document.createElement('button')
    remove.type = 'button'
    remove.textContent = '×'
    remove.setAttribute('aria-label', `Remove row ${at + 1}`)
    remove.addEventListener('click', () => {
      rows = rows.filter((_, index) => index !== at)
      draw()
      tell()
    })
    if (at > 0) element.append(join)
    element.append(names, sign, value, remove)
    return element
  }
  const draw = () => {
    if (model.columns.length) body.replaceChildren(...rows.map(line))
    note.textContent = model.note
  }
  const take = () => {
    // what was just sent comes back: the field that is typed into keeps its place
    if (JSON.stringify(model.rows) !== sent) {
      rows = model.rows
      sent = JSON.stringify(rows)
      draw()
    }
    note.textContent = model.note
  }
  add.addEventListener('click', () => {
    const first = model.columns[0]
    if (!first) return
    const text = first.kind === 'category'
    rows = [...rows, { join: 'and', column: first.name, sign: text ? '==' : '>', value: '', text }]
    draw()
    tell()
    const last = /** @type {HTMLElement | undefined} */ (body.lastElementChild)
    last?.querySelectorAll('select')[rows.length > 1 ? 1 : 0]?.focus()
  })
  model.on('rows', take)
  model.on('note', take)
  model.on('columns', draw)
  rows = model.rows
  sent = JSON.stringify(rows)
  draw()
}
