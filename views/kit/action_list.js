// List of things to act on (see action_list.py): text is set as text, never as markup.

/**
 * @typedef {{name: string, label: string, hint: string, off: boolean, asks: string}} Act
 * @typedef {{key: string, tag: string, tone: string, text: string, lines: string[], acts: Act[]}} Entry
 * @typedef {{entries: Entry[], label: string, send_msg(data: object): void,
 *   on(name: string, callback: () => void): void}} Model
 */

/** @type {(tag: string, text?: string, className?: string) => HTMLElement} */
const made = (tag, text = '', className = '') => {
  const node = document.createElement(tag)
  if (text) node.textContent = text
  if (className) node.className = className
  return node
}

/** @param {{model: Model, el: HTMLElement}} view */
export function render({ model, el }) {
  const list = made('ul')
  list.setAttribute('role', 'list') // which one without markers is not everywhere
  list.setAttribute('aria-label', model.label)
  list.tabIndex = -1 // holds the focus where nothing is left to act on
  el.append(list)

  /** The field of an act that asks something first. @type {(entry: Entry, act: Act, acts: HTMLElement) => void} */
  const ask = (entry, act, acts) => {
    const form = /** @type {HTMLFormElement} */ (made('form'))
    form.dataset.key = entry.key
    form.dataset.name = act.name
    const field = /** @type {HTMLInputElement} */ (made('input'))
    field.type = 'text'
    field.maxLength = 300
    field.placeholder = act.asks
    field.setAttribute('aria-label', act.asks)
    const submit = /** @type {HTMLButtonElement} */ (made('button', act.label))
    submit.type = 'submit'
    const leave = /** @type {HTMLButtonElement} */ (made('button', 'Leave it'))
    leave.type = 'button'
    const back = () => {
      const beside = /** @type {HTMLElement} */ (form.previousElementSibling)
      form.remove()
      beside.hidden = false
      const button = beside.querySelector(`[data-name="${act.name}"]`)
      if (button instanceof HTMLElement) button.focus()
    }
    leave.onclick = back
    form.onkeydown = (event) => {
      if (event.key !== 'Escape') return
      event.stopPropagation()
      back()
    }
    form.onsubmit = (event) => {
      event.preventDefault()
      const text = field.value.trim()
      if (!text) { field.focus(); return }
      back()
      model.send_msg({ key: entry.key, name: act.name, text })
    }
    form.append(field, submit, leave)
    acts.hidden = true
    acts.after(form)
    field.focus()
  }

  /** @type {(entry: Entry) => HTMLElement} */
  const drawn = (entry) => {
    const item = made('li')
    const body = made('div', '', 'body')
    const text = made('p', entry.text)
    text.id = `text-${entry.key.replace(/\W/g, '-')}`
    body.append(text)
    for (const line of entry.lines) body.append(made('small', line))
    const acts = made('div', '', 'acts')
    for (const act of entry.acts) {
      const button = /** @type {HTMLButtonElement} */ (made('button', act.label))
      button.type = 'button'
      button.disabled = act.off
      button.dataset.key = entry.key
      button.dataset.name = act.name
      if (act.hint) button.title = act.hint
      button.setAttribute('aria-describedby', text.id) // many buttons have the same name
      button.onclick = () => {
        if (act.asks) ask(entry, act, acts)
        else model.send_msg({ key: entry.key, name: act.name, text: '' })
      }
      acts.append(button)
    }
    if (entry.acts.length) body.append(acts)
    item.append(made('span', entry.tag, entry.tone), body)
    return item
  }

  const draw = () => {
    const root = /** @type {ShadowRoot | Document} */ (el.getRootNode())
    const held = root.activeElement
    const at = held instanceof HTMLElement ? [held.dataset.key, held.dataset.name] : []
    const place = [...list.children].findIndex((item) => item.contains(held))
    const forms = [...list.querySelectorAll('form')]
    list.replaceChildren(...model.entries.map(drawn))
    const buttons = [...list.querySelectorAll('button')]
    for (const form of forms) { // what is being typed outlasts another state of the list
      const { key, name } = form.dataset
      const acts = buttons.find((b) => b.dataset.key === key && b.dataset.name === name)?.parentElement
      if (!acts) continue
      acts.hidden = true
      acts.after(form)
      if (held instanceof HTMLElement && form.contains(held)) held.focus({ preventScroll: true })
    }
    if (at[0] === undefined) return
    const same = buttons.find((b) => b.dataset.key === at[0] && b.dataset.name === at[1])
    const near = same && !same.disabled ? same : buttons.find((b) => b.dataset.key === at[0] && !b.disabled)
    // what was acted on may be gone: the next in its place, else a dialog loses the keys with the focus
    const there = list.children[Math.min(place, list.children.length - 1)]?.querySelector('button')
    ;(near ?? there ?? list).focus({ preventScroll: true })
  }
  model.on('entries', draw)
  draw()
}
