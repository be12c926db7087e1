// Connection of the page to its server (see connection.py): address, lost server, other window.

/**
 * @typedef {{session: string, link_names: string[], elsewhere: boolean, unsaved: boolean,
 *   on(names: string | string[], callback: (event: any) => void): void}} Model
 */

const FIRST_WAIT = 500    // milliseconds until the server is asked for the first time
const LONGEST_WAIT = 4000 // and between two times at most
const ONCE = 20000        // a page that is lost so soon after it came back does not reload by itself
const CAME_BACK = 'winnow-came-back'

const LOOK = `position:fixed; left:50%; top:62px; transform:translateX(-50%); z-index:20000;
  display:flex; gap:14px; align-items:center; max-width:min(680px, calc(100vw - 24px));
  box-sizing:border-box; padding:10px 16px; border-radius:8px; font:14px/1.4 inherit;
  font-family:inherit; color:var(--winnow-text); background:var(--winnow-card);
  border:1px solid var(--winnow-outline); border-left:4px solid #d55e00;
  box-shadow:0 6px 28px rgb(0 0 0 / 28%)`
const BUTTON = `flex:none; font:inherit; padding:4px 12px; border-radius:4px; cursor:pointer;
  color:var(--winnow-text); background:transparent; border:1px solid var(--winnow-outline)`

/** A bar over the page that says something, and offers one thing to do. */
class Bar {
  constructor() {
    this.box = document.createElement('div')
    this.box.style.cssText = LOOK
    this.box.setAttribute('role', 'alert')
    this.box.className = 'winnow-connection'
    this.text = document.createElement('span')
    this.button = document.createElement('button')
    this.button.style.cssText = BUTTON
    this.box.append(this.text, this.button)
  }

  /** @param {string} text @param {string} action @param {() => void} act */
  show(text, action, act) {
    this.text.textContent = text
    this.button.textContent = action
    this.button.onclick = act
    if (!this.box.isConnected) document.body.append(this.box)
  }

  hide() {
    this.box.remove()
  }
}

/** Whether a server answers, be it only that it wants a login. @returns {Promise<boolean>} */
async function answers() {
  try {
    const place = new URL('static/js/bokeh.min.js', document.baseURI)
    const options = { method: 'HEAD', cache: /** @type {RequestCache} */ ('no-store') }
    return (await fetch(place, options)).status < 500
  } catch {
    return false
  }
}

/** Reload the page, which opens its session again. */
function comeBack() {
  sessionStorage.setItem(CAME_BACK, String(Date.now()))
  window.location.reload()
}

/** @param {Model} model @param {Bar} bar */
function lost(model, bar) {
  const since = Date.now() - Number(sessionStorage.getItem(CAME_BACK) ?? 0)
  let wait = FIRST_WAIT
  let timer = 0
  const kept = model.elsewhere || model.unsaved ? ''
    : model.session ? ' What you have done is saved.' : ''
  const ask = async () => {
    clearTimeout(timer)
    if (await answers()) {
      if (since > ONCE) comeBack()
      else bar.show(`The connection was lost again.${kept}`, 'Reload', comeBack)
      return
    }
    wait = Math.min(LONGEST_WAIT, wait * 1.5)
    timer = window.setTimeout(ask, wait)
  }
  bar.show(
    `The server does not answer.${kept} This page comes back by itself as soon as it does.`,
    'Try now', ask,
  )
  window.addEventListener('online', ask)
  document.addEventListener('visibilitychange', () => { if (!document.hidden) ask() })
  timer = window.setTimeout(ask, wait)
}

/** @param {Model} model @param {string} session */
function addressOf(model, session) {
  const address = new URL(window.location.href)
  for (const name of model.link_names) address.searchParams.delete(name)
  if (session) address.searchParams.set('session', session)
  else address.searchParams.delete('session')
  return address
}

/** @param {{model: Model, el: HTMLElement}} view */
export function render({ model, el }) {
  el.style.display = 'none'
  const bar = new Bar()
  let gone = false
  const write = () => window.history.replaceState(window.history.state, '', addressOf(model, model.session))
  const show = () => {
    if (gone) return
    if (model.elsewhere) {
      bar.show(
        'This session has been opened in another window. What is done here is not saved.',
        'Go on here', () => window.location.reload(),
      )
    } else bar.hide()
  }
  model.on('session', write)
  model.on('elsewhere', show)
  model.on('msg:custom', (event) => {
    const { go } = event.data ?? event
    window.location.assign(addressOf(model, go))
  })
  for (const doc of Bokeh.documents)
    doc.on_event('connection_lost', () => {
      if (!gone) lost(model, bar)
      gone = true
    })
  if (model.session) write() // an empty one may only not be known yet
  show()
}
