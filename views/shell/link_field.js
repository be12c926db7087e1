// The link to what is shown, to be copied (see link_field.py).

/**
 * @typedef {{query: string, hidden: boolean,
 *   on(names: string | string[], callback: () => void): void}} Model
 */

const FIELD = `flex:1; min-width:0; font:12px/1.4 inherit; font-family:inherit; padding:6px 9px;
  color:var(--winnow-text); background:transparent; border:1px solid var(--winnow-outline);
  border-radius:4px; text-overflow:ellipsis`
const BUTTON = `flex:none; min-width:92px; font:inherit; font-size:13px; padding:5px 12px;
  border-radius:4px; cursor:pointer; color:var(--winnow-text); background:transparent;
  border:1px solid var(--winnow-outline)`
const SAID = 2500 // milliseconds that it says that it was copied

/** The address of this page without what it was opened with. @param {Model} model */
function linkOf(model) {
  // of a page in a frame the first part of the path is the token of its server
  const path = model.hidden ? window.location.pathname.replace(/^\/[^/]*/, '') : window.location.pathname
  return `${window.location.origin}${path}${model.query ? '?' : ''}${model.query}`
}

/** @param {HTMLInputElement} field @returns {Promise<boolean>} */
async function copy(field) {
  try {
    await navigator.clipboard.writeText(field.value)
    return true
  } catch { // no clipboard without https, except on this machine
    field.select()
    return document.execCommand('copy')
  }
}

/** @param {{model: Model, el: HTMLElement}} view */
export function render({ model, el }) {
  const row = document.createElement('div')
  row.style.cssText = 'display:flex; gap:8px; width:100%'
  const field = document.createElement('input')
  field.readOnly = true
  field.style.cssText = FIELD
  field.setAttribute('aria-label', 'Link to what is shown')
  field.addEventListener('focus', () => field.select())
  const button = document.createElement('button')
  button.type = 'button'
  button.style.cssText = BUTTON
  button.textContent = 'Copy link'
  button.setAttribute('aria-live', 'polite')
  let timer = 0
  button.addEventListener('click', async () => {
    button.textContent = await copy(field) ? 'Copied' : 'Press Ctrl+C'
    clearTimeout(timer)
    timer = window.setTimeout(() => { button.textContent = 'Copy link' }, SAID)
  })
  const show = () => {
    field.value = model.query ? linkOf(model) : ''
    button.disabled = !model.query
  }
  model.on('query', show)
  show()
  row.append(field, button)
  el.append(row)
}
