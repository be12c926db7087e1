// Legend of a colouring (see legend.py): bars of a number, over which a drag brushes a range, or a
// chip for each category, which a click brushes. Shift adds, Alt (or Ctrl+Shift) subtracts.

/**
 * @typedef {{name: string, said: string, colour: string, count: string, hint: string}} Chip
 * @typedef {{label?: string, heights?: number[], colours?: string[], said?: string[],
 *   ends?: [string, string], ground?: string, chips?: Chip[]}} Shown
 * @typedef {{shown: Shown, brushed: number[], still: boolean,
 *   send_msg(data: object): void,
 *   on(names: string | string[], callback: () => void): void}} Model
 */

const HEIGHT = 30
const BAR = 5 // units of the drawing
const MODIFIERS = 'Shift adds, Alt subtracts'

/** How what is chosen joins the brush. @type {(event: MouseEvent | KeyboardEvent) => string} */
function mode({ shiftKey, ctrlKey, altKey }) {
  if (altKey || (ctrlKey && shiftKey)) return 'subtract'
  return shiftKey ? 'add' : 'replace'
}

/** @type {(tag: string, attributes?: Record<string, string | number>) => SVGElement} */
function svg(tag, attributes = {}) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag)
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value))
  return /** @type {SVGElement} */ (made)
}

/** @type {(tag: string, class_: string, text?: string) => HTMLElement} */
function element(tag, class_, text = '') {
  const made = document.createElement(tag)
  made.className = class_
  made.textContent = text
  return made
}

/** The chips of categories. @type {(model: Model) => HTMLElement} */
function chips(model) {
  const row = element('div', 'chips')
  for (const chip of model.shown.chips ?? []) {
    const made = document.createElement(model.still ? 'span' : 'button')
    made.className = 'chip'
    const square = element('i', 'square')
    square.style.background = chip.colour
    made.append(square, element('span', 'name', chip.said), element('small', '', chip.count))
    made.title = model.still ? chip.hint : `${chip.hint}: click to brush; ${MODIFIERS}`
    if (!model.still)
      made.onclick = (event) => model.send_msg({ category: chip.name, mode: mode(event) })
    row.append(made)
  }
  return row
}

/**
 * The bars of a number, a drag over which brushes, and what shows how much of each is brushed.
 * @type {(model: Model) => [HTMLElement, () => void]}
 */
function bars(model) {
  const { heights = [], colours = [], said = [], ends = ['', ''], label = '' } = model.shown
  const n = heights.length, wide = n * BAR
  const box = element('div', 'bars')
  const drawing = svg('svg', { viewBox: `0 0 ${wide} ${HEIGHT}`, preserveAspectRatio: 'none' })
  heights.forEach((height, at) => {
    const tall = height * (HEIGHT - 5)
    drawing.append(svg('rect', { x: at * BAR, y: HEIGHT - 4 - tall, width: BAR - 0.6, height: tall,
      fill: colours[at] }))
    drawing.append(svg('rect', { x: at * BAR, y: HEIGHT - 3, width: BAR + 0.2, height: 3,
      fill: colours[at] }))
  })
  const lit = svg('path', { class: 'lit' }), frame = svg('rect', { class: 'frame', y: 0,
    height: HEIGHT })
  drawing.append(lit, frame)
  const light = () => {
    lit.setAttribute('d', model.brushed.map((height, at) => {
      const y = HEIGHT - 4 - height * (HEIGHT - 5)
      return height > 0 ? `M${at * BAR} ${y}h${BAR - 0.6}` : ''
    }).join(''))
  }
  light()
  const place = element('div', 'place')
  place.append(drawing)
  box.append(element('span', 'end', ends[0]), place, element('span', 'end', ends[1]))
  if (model.still) return [box, light]
  let from = -1, to = -1
  const show = () => {
    const [low, high] = from < to ? [from, to] : [to, from]
    frame.setAttribute('x', String(low * BAR))
    frame.setAttribute('width', String(low < 0 ? 0 : (high - low + 1) * BAR))
    place.setAttribute('aria-valuenow', String(Math.max(0, to)))
    place.setAttribute('aria-valuetext', low < 0 ? '' : low === high ? said[low]
      : `${said[low]} to ${said[high]}`)
    place.title = low < 0 ? `${label}: drag to brush a range; ${MODIFIERS}` : said[to]
  }
  /** @param {MouseEvent | KeyboardEvent} event */
  const send = (event) => {
    model.send_msg({ bars: from < to ? [from, to] : [to, from], mode: mode(event) })
  }
  /** @param {PointerEvent} event */
  const under = (event) => {
    const { left, width } = place.getBoundingClientRect()
    return Math.max(0, Math.min(n - 1, Math.floor((event.clientX - left) / width * n)))
  }
  place.tabIndex = 0
  place.setAttribute('role', 'slider')
  place.setAttribute('aria-label', `${label}: brush a range. Arrows move, Shift with an arrow `
    + 'widens, Enter brushes')
  place.setAttribute('aria-valuemin', '0')
  place.setAttribute('aria-valuemax', String(n - 1))
  place.onpointerdown = (event) => {
    if (event.button) return
    event.preventDefault() // no text is marked, and Alt with a drag moves no window's content
    place.setPointerCapture(event.pointerId)
    from = to = under(event)
    show()
  }
  place.onpointermove = (event) => {
    if (place.hasPointerCapture(event.pointerId)) to = under(event)
    else place.title = said[under(event)]
    if (place.hasPointerCapture(event.pointerId)) show()
  }
  place.onpointerup = (event) => {
    if (!place.hasPointerCapture(event.pointerId)) return
    place.releasePointerCapture(event.pointerId)
    send(event)
  }
  place.onkeydown = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
    if (step) {
      to = Math.max(0, Math.min(n - 1, to + step))
      if (!event.shiftKey || from < 0) from = to
      show()
    } else if ((event.key === 'Enter' || event.key === ' ') && from >= 0) send(event)
    else return
    event.preventDefault()
    event.stopPropagation()
  }
  show()
  return [box, light]
}

/** @param {{model: Model, el: HTMLElement}} view */
export function render({ model, el }) {
  const box = element('div', 'legend')
  el.appendChild(box)
  let light = () => {}
  const draw = () => {
    light = () => {}
    const { label: of = '' } = model.shown
    const label = model.still && of ? [element('div', 'label', of)] : []
    if (!model.shown.heights) return box.replaceChildren(...label, chips(model))
    const [made, follow] = bars(model)
    light = follow
    return box.replaceChildren(...label, made)
  }
  model.on('shown', draw)
  model.on('brushed', () => light())
  draw()
}
