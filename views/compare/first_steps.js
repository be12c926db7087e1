// What a first visitor does, in three steps (see first_steps.py). A browser that knows them shows none.

/**
 * @typedef {{steps: [string, string][], used: boolean,
 *   on(name: string, callback: () => void): void}} Model
 */

const KNOWN = 'winnow-steps-known' // first_paint.js says it too

/** @param {{model: Model, el: HTMLElement}} view */
export function render({ model, el }) {
  const known = () => {
    try {
      return localStorage.getItem(KNOWN) !== null
    } catch {
      return false // a browser that keeps nothing
    }
  }
  const remember = () => {
    try {
      localStorage.setItem(KNOWN, 'yes')
    } catch {
      // it is shown again next time
    }
  }
  model.on('used', remember)
  if (known()) return
  const line = document.createElement('div')
  const list = document.createElement('ol')
  line.className = 'steps'
  line.setAttribute('role', 'note')
  line.setAttribute('aria-label', 'First steps')
  for (const [where, what] of model.steps) {
    const step = document.createElement('li')
    const name = document.createElement('b')
    name.textContent = where
    step.append(name, `: ${what}`)
    list.append(step)
  }
  const hide = document.createElement('button')
  hide.type = 'button'
  hide.textContent = 'Hide'
  hide.title = 'Not shown again in this browser'
  hide.addEventListener('click', () => {
    remember()
    line.remove()
  })
  line.append(list, hide)
  el.append(line)
}
