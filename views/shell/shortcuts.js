// Keyboard shortcuts, style variables and width of the document (see shortcuts.py).

/**
 * @typedef {{variables: Record<string, string>, blocked: boolean, wide: number, narrow: boolean,
 *   send_msg(key: string): void, on(name: string, callback: () => void): void}} Model
 */

// Panel's table (1.9.4) knows the style sheets it was made with. Once a theme has given it others
// it waits for the first ones, in a loop without end that takes a core.
function letTablesRest() {
  const table = Bokeh.Models.get('panel.models.tabulator.DataTabulator')
    ?.prototype.default_view?.prototype
  if (!table?._update_stylesheets || table.rests) return
  /** @param {any} view */
  const settle = (view) => {
    for (const { el: link } of view._applied_stylesheets) {
      if (!(link instanceof HTMLLinkElement)) continue
      const done = () => view._initialized_stylesheets.set(link.href, true)
      if (link.sheet) done()
      else link.addEventListener('load', done)
    }
  }
  const update = table._update_stylesheets
  /** @this {any} */
  table._update_stylesheets = function () {
    update.call(this)
    if (this._initialized_stylesheets) settle(this)
  }
  table.rests = true
  for (const doc of Bokeh.documents)
    for (const item of doc.all_models) {
      const view = item.type.endsWith('DataTabulator') && Bokeh.index.find_one(item)
      if (view?._initialized_stylesheets) settle(view)
    }
}

// Components written with React (Panel 1.9.4) leave out what Bokeh gives every other element: its
// HTML attributes, of which `title` is the tooltip of a button.
function giveComponentsTheirAttributes() {
  const component = Bokeh.Models.get('panel.models.esm.ReactComponent')
    ?.prototype.default_view?.prototype
  if (!component?._apply_html_attributes || component.has_attributes) return
  const render = component.render
  /** @this {any} */
  component.render = function () {
    render.call(this)
    this._apply_html_attributes()
  }
  component.has_attributes = true
  for (const doc of Bokeh.documents)
    for (const item of doc.all_models)
      if (item.html_attributes) Bokeh.index.find_one(item)?._apply_html_attributes?.()
}

/** Whether an event comes from within an element. @type {(event: Event, of: string) => boolean} */
const within = (event, of) =>
  event.composedPath().some((node) => node instanceof Element && node.matches(of))

const FIELDS = 'input:not([type=range]):not([type=checkbox]), textarea, select, '
  + '[contenteditable=true]'
const ARROWS = '[role=slider], input[type=range], [role=listbox], [role=menu], [role=combobox]'
// a dialog or an open list has the keys for itself, Esc included
const OVERLAYS = '.MuiModal-root, [role=dialog], [role=menu], [role=listbox]'

/** What a key stands for; empty for nothing. @type {(event: KeyboardEvent) => string} */
function meaning(event) {
  const command = event.ctrlKey || event.metaKey
  if (command && event.key.toLowerCase() === 'z') return event.shiftKey ? 'redo' : 'undo'
  if (command || event.altKey) return ''
  if (event.key === 'ArrowLeft' && !within(event, ARROWS)) return 'back'
  if (event.key === 'ArrowRight' && !within(event, ARROWS)) return 'forward'
  return { Escape: 'clear', '?': 'help' }[event.key] ?? ''
}

/** @param {{model: Model, el: HTMLElement}} view */
export function render({ model, el }) {
  el.style.display = 'none'
  letTablesRest()
  giveComponentsTheirAttributes()
  /** @param {KeyboardEvent} event */
  const onKey = (event) => {
    if (event.defaultPrevented || model.blocked || within(event, OVERLAYS)) return
    if (within(event, FIELDS)) {
      // Enter leaves a field: the number field takes a second number only after a new focus
      const [field] = event.composedPath()
      if (event.key === 'Enter' && field instanceof HTMLInputElement
        && !field.matches('[role=combobox]')) field.blur()
      return
    }
    const key = meaning(event)
    if (!key) return
    if (key !== 'clear') event.preventDefault()
    model.send_msg(key) // a parameter would show only the last of two quick strokes
  }
  const paint = () => {
    for (const [name, value] of Object.entries(model.variables))
      document.documentElement.style.setProperty(name, value)
  }
  const width = matchMedia(`(max-width: ${model.wide - 0.02}px)`)
  const measure = () => { model.narrow = width.matches }
  document.addEventListener('keydown', onKey)
  width.addEventListener('change', measure)
  model.on('variables', paint)
  model.on('remove', () => {
    document.removeEventListener('keydown', onKey)
    width.removeEventListener('change', measure)
  })
  paint()
  measure()
}
