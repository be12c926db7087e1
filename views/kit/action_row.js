// A row of plain buttons (see action_row.py): one component, however many there are.

/**
 * @typedef {{key: string, label: string, hint?: string, name?: string, disabled?: boolean,
 *   open?: boolean}} Action
 * @typedef {{actions: Action[], title: string, on(name: string, callback: () => void): void,
 *   send_msg(message: object): void}} Model
 */

/** @param {{model: Model, el: HTMLElement}} view */
export function render({ model, el }) {
  const row = document.createElement('div')
  row.className = 'actions'
  row.setAttribute('role', 'group')
  row.setAttribute('aria-label', model.title)
  el.append(row)
  /** @type {Map<string, HTMLButtonElement>} */
  const buttons = new Map()
  const draw = () => {
    for (const { key, label, hint, name, disabled, open } of model.actions) {
      let button = buttons.get(key)
      if (!button) {
        button = document.createElement('button')
        button.type = 'button'
        button.addEventListener('click', () => model.send_msg({ pressed: key }))
        buttons.set(key, button)
        row.append(button)
      }
      button.textContent = label
      button.disabled = Boolean(disabled)
      if (hint) button.title = hint
      if (name) button.setAttribute('aria-label', name)
      if (open !== undefined) button.setAttribute('aria-expanded', String(open))
    }
  }
  model.on('actions', draw)
  draw()
}
