// Drop zone: files are sent piece by piece, each when the one before has arrived (see drop_zone.py).

/**
 * @typedef {{wanted: string, multiple: boolean, limit: number, piece: number,
 *   send_msg(message: object): void, on(name: string, callback: (event: any) => void): void}} Model
 * @typedef {{row: HTMLElement, words: HTMLElement, bar: HTMLElement, stop: HTMLButtonElement,
 *   arrived: ((going: boolean) => void) | null}} Sent
 */

/** @param {string} kind @param {string} look @param {string} [text] */
function element(kind, look, text = '') {
  const made = document.createElement(kind)
  made.className = look
  made.textContent = text
  return made
}

/** @param {{model: Model, el: HTMLElement}} view */
export function render({ model, el }) {
  const zone = element('div', 'zone')
  zone.setAttribute('role', 'group')
  zone.setAttribute('aria-label', model.wanted)
  const choose = /** @type {HTMLButtonElement} */ (element('button', 'choose', 'Choose a file'))
  const field = document.createElement('input')
  field.type = 'file'
  field.multiple = model.multiple
  field.hidden = true
  const ask = element('div', 'ask')
  ask.append(element('span', '', `${model.wanted}, or `), choose, field)
  const list = element('ul', 'sent')
  list.setAttribute('aria-live', 'polite')
  zone.append(ask, list)
  el.replaceChildren(zone)

  /** What is on its way or was refused, by name. @type {Map<string, Sent>} */
  const sent = new Map()

  /** @param {string} name @returns {Sent} */
  function line(name) {
    sent.get(name)?.row.remove()
    const row = element('li', '')
    const title = element('b', '', name)
    title.title = name
    const words = element('span', 'words')
    const track = element('span', 'track')
    const bar = element('i', '')
    track.append(bar)
    const stop = /** @type {HTMLButtonElement} */ (element('button', 'stop', 'Cancel'))
    stop.setAttribute('aria-label', `Cancel ${name}`)
    row.append(title, track, words, stop)
    list.append(row)
    const made = { row, words, bar, stop, arrived: null }
    sent.set(name, made)
    return made
  }

  /** @param {Sent} file @param {string} look @param {string} words */
  function end(file, look, words) {
    file.row.className = look
    file.words.textContent = words
    file.arrived?.(false)
  }

  /** Send one file. @param {File} file */
  async function send(file) {
    const shown = line(file.name)
    if (file.size > model.limit) {
      const most = Math.round(model.limit / 1e6)
      return end(shown, 'refused', `it is larger than ${most} MB: open it by its path`)
    }
    const pieces = Math.ceil((file.size + 1) / model.piece) // an empty file is a piece as well
    shown.stop.onclick = () => {
      model.send_msg({ name: file.name, given_up: true })
      end(shown, 'refused', 'cancelled')
      choose.focus()
    }
    for (let at = 0; at < pieces; at++) {
      /** @type {ArrayBuffer} */
      let data
      try {
        data = await file.slice(at * model.piece, (at + 1) * model.piece).arrayBuffer()
      } catch {
        return end(shown, 'refused', 'the browser cannot read it: is it a folder, or has it changed?')
      }
      if (shown.row.className) return
      const arrived = new Promise((resolve) => { shown.arrived = resolve })
      model.send_msg({ name: file.name, chunk: at + 1, total_chunks: pieces, data })
      if (!(await arrived)) return
      shown.bar.style.width = `${Math.round((100 * (at + 1)) / pieces)}%`
    }
    end(shown, 'arrived', 'sent')
  }

  /** @param {FileList | null | undefined} files */
  async function take(files) {
    if (!files?.length) return
    for (const [name, { row }] of sent)
      if (row.className) {
        row.remove()
        sent.delete(name)
      }
    const [first, ...others] = [...files]
    for (const file of model.multiple ? [] : others)
      end(line(file.name), 'refused', 'not taken: one file at a time, or all in a zip')
    for (const file of model.multiple ? [first, ...others] : [first]) await send(file)
  }

  choose.onclick = () => field.click()
  field.onchange = async () => {
    await take(field.files)
    field.value = '' // the same file can be chosen again
  }
  let inside = 0
  zone.ondragenter = (event) => {
    event.preventDefault()
    inside += 1
    zone.classList.add('over')
  }
  zone.ondragover = (event) => event.preventDefault()
  zone.ondragleave = () => {
    inside -= 1
    if (inside <= 0) zone.classList.remove('over')
  }
  zone.ondrop = (event) => {
    event.preventDefault()
    inside = 0
    zone.classList.remove('over')
    take(event.dataTransfer?.files)
  }

  model.on('msg:custom', (event) => {
    const { name, taken, refused, done } = event.data ?? event
    const file = sent.get(name)
    if (done) {
      file?.row.remove()
      sent.delete(name)
    } else if (refused) end(file ?? line(name), 'refused', refused)
    else if (taken) file?.arrived?.(true)
  })
}
