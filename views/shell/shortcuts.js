import { giveComponentsTheirAttributes } from '../kit/component_attributes.js'
import { letTablesHearKeys } from '../kit/table_keys.js'
import { mendTables } from '../kit/table_mends.js'

// Keyboard shortcuts, style variables and width of the document (see shortcuts.py).

/**
 * @typedef {{variables: {light: Record<string, string>, dark: Record<string, string>}, blocked: boolean, pages: boolean, wide: number, narrow: boolean,
 *   send_msg(key: string): void, on(name: string, callback: () => void): void}} Model
 */

/** Whether an event comes from within an element. @type {(event: Event, of: string) => boolean} */
const within = (event, of) =>
  event.composedPath().some((node) => node instanceof Element && node.matches(of))

const FIELDS = 'input:not([type=range]):not([type=checkbox]), textarea, select, '
  + '[contenteditable=true]'
const ARROWS = '[role=slider], input[type=range], [role=listbox], [role=menu], [role=combobox]'
// a dialog or an open list has the keys for itself, Esc included
const OVERLAYS = '.MuiModal-root, [role=dialog], [role=menu], [role=listbox]'

/** What a key stands for; empty for nothing. @type {(event: KeyboardEvent, pages: boolean) => string} */
function meaning(event, pages) {
  const command = event.ctrlKey || event.metaKey
  if (command && event.key.toLowerCase() === 'z') return event.shiftKey ? 'redo' : 'undo'
  if (command || event.altKey) return ''
  if (event.key === 'ArrowLeft' && !within(event, ARROWS)) return 'back'
  if (event.key === 'ArrowRight' && !within(event, ARROWS)) return 'forward'
  if (pages && event.key === 'PageUp') return 'back'
  if (pages && event.key === 'PageDown') return 'forward'
  return { Escape: 'clear', '?': 'help' }[event.key] ?? ''
}

// A sheet is as wide as the window, so that plots, which cannot be drawn anew for it, fit; and light.
const DARK_ON_PAPER = 'invert(1) hue-rotate(180deg)'

/** @param {boolean} dark */
function preparePaper(dark) {
  const sheet = document.createElement('style')
  const width = window.innerWidth + 40
  sheet.id = 'winnow-paper'
  sheet.textContent = `@page { size: ${width}px ${Math.round(Math.SQRT2 * width)}px; margin: 20px }`
  document.head.append(sheet)
  if (dark) document.documentElement.style.filter = DARK_ON_PAPER
}

function clearPaper() {
  document.getElementById('winnow-paper')?.remove()
  document.documentElement.style.filter = ''
}

/** @param {{model: Model, el: HTMLElement}} view */
export function render({ model, el }) {
  el.style.display = 'none'
  mendTables()
  letTablesHearKeys()
  giveComponentsTheirAttributes()
  /** @param {KeyboardEvent} event */
  const onKey = (event) => {
    if (event.defaultPrevented || model.blocked || within(event, OVERLAYS)) return
    if (within(event, FIELDS)) {
      // Enter leaves a field: the number field takes a second number only after a new focus; one
      // that belongs to a form sends the form, which happens after this and where the focus is
      const [field] = event.composedPath()
      if (event.key === 'Enter' && field instanceof HTMLInputElement
        && !field.form && !field.matches('[role=combobox]')) field.blur()
      return
    }
    const key = meaning(event, model.pages)
    if (!key) return
    if (key !== 'clear') event.preventDefault()
    model.send_msg(key) // a parameter would show only the last of two quick strokes
  }
  // the theme is a choice made in the browser: its colours do not wait for the server
  const shell = Bokeh.documents.flatMap((doc) => [...doc.all_models])
    .find((item) => item.class_name === 'Page')
  const page = shell?.data
  const skip = document.getElementById('winnow-skip')
  if (skip && shell) skip.onclick = (event) => {
    event.preventDefault()
    const main = Bokeh.index.find_one(shell)?.shadow_el?.querySelector('main')
    main?.setAttribute('tabindex', '-1') // the address keeps the session: no anchor is added to it
    main?.focus()
  }
  const paint = () => {
    for (const [name, value] of Object.entries(model.variables[page?.dark_theme ? 'dark' : 'light']))
      document.documentElement.style.setProperty(name, value)
  }
  const width = matchMedia(`(max-width: ${model.wide - 0.02}px)`)
  const measure = () => { model.narrow = width.matches }
  const onPrint = () => preparePaper(page?.dark_theme)
  document.addEventListener('keydown', onKey)
  window.addEventListener('beforeprint', onPrint)
  window.addEventListener('afterprint', clearPaper)
  width.addEventListener('change', measure)
  page?.properties.dark_theme.change.connect(paint)
  model.on('remove', () => {
    page?.properties.dark_theme.change.disconnect(paint)
    document.removeEventListener('keydown', onKey)
    window.removeEventListener('beforeprint', onPrint)
    window.removeEventListener('afterprint', clearPaper)
    width.removeEventListener('change', measure)
  })
  paint()
  measure()
}
