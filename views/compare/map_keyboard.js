// A box over a map that is moved, resized and brushed by keys (see map_keyboard.py).

/**
 * @typedef {{label: string, plot: string, send_msg(what: object): void,
 *   on(name: string, callback: () => void): void}} Model
 */

const [STEP, LEAST] = [0.05, 0.02] // of the frame
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }

/** Where the frame of a figure is within its canvas, pixels. @param {string} name */
function frameOf(name) {
  for (const doc of Bokeh.documents) {
    const plot = doc.get_model_by_name(name)
    const view = plot && Bokeh.index.find_one(plot)
    if (!view) continue
    const { x, y } = view.canvas_view.el.getBoundingClientRect()
    const { x0, y0, width, height } = view.frame.bbox
    return { x: x + x0, y: y + y0, width, height }
  }
  return null
}

/** @param {{model: Model, el: HTMLElement}} view */
export function render({ model, el }) {
  Object.assign(el.style, { position: 'absolute', inset: '0', pointerEvents: 'none', zIndex: '1' })
  const place = document.createElement('div')
  const box = document.createElement('div')
  const said = document.createElement('div')
  place.className = 'map-keys'
  place.tabIndex = 0
  place.setAttribute('role', 'application')
  place.setAttribute('aria-roledescription', 'map')
  Object.assign(place.style, { position: 'absolute', inset: '0', borderRadius: '4px' })
  Object.assign(box.style, {
    position: 'absolute', display: 'none', boxSizing: 'border-box',
    border: '2px dashed var(--winnow-active)', background: 'transparent',
  })
  said.setAttribute('aria-live', 'polite')
  Object.assign(said.style, {
    position: 'absolute', width: '1px', height: '1px', overflow: 'hidden', clipPath: 'inset(50%)',
  })
  place.append(box, said)
  el.append(place)
  const name = () => place.setAttribute('aria-label', model.label)
  name()
  model.on('label', name)
  // middle and half sides of the box, as shares of the frame from its lower left corner
  let [x, y, half] = [0.5, 0.5, 0.1]
  const draw = () => {
    const frame = frameOf(model.plot)
    if (!frame) return
    const own = place.getBoundingClientRect()
    Object.assign(box.style, {
      display: 'block',
      left: `${frame.x - own.x + (x - half) * frame.width}px`,
      top: `${frame.y - own.y + (1 - y - half) * frame.height}px`,
      width: `${2 * half * frame.width}px`,
      height: `${2 * half * frame.height}px`,
    })
  }
  /** @param {number} value */
  const within = (value) => Math.max(0, Math.min(1, value))
  place.onfocus = () => {
    // only for those who came by key: a click goes to the figure below
    place.style.outline = '2px solid var(--winnow-active)'
    draw()
  }
  place.onblur = () => {
    place.style.outline = 'none'
    box.style.display = 'none'
  }
  place.onkeydown = (event) => {
    const move = MOVES[/** @type {keyof typeof MOVES} */ (event.key)]
    const enter = event.key === 'Enter', look = event.key === ' '
    if (event.ctrlKey || event.metaKey || !(move || enter || look)) return
    event.preventDefault()
    event.stopPropagation()
    if (move && event.shiftKey) {
      const grow = move[0] + move[1]
      half = Math.max(LEAST, Math.min(0.5, half + grow * STEP / 2))
    } else if (move) {
      x = within(x + move[0] * STEP)
      y = within(y + move[1] * STEP)
    }
    if (move) {
      draw()
      said.textContent = `${Math.round(100 * x)} % across, ${Math.round(100 * y)} % up, `
        + `${Math.round(200 * half)} % wide`
    } else {
      model.send_msg({
        what: look ? 'look' : 'brush', x, y, half,
        shift: event.shiftKey, alt: event.altKey,
      })
    }
  }
}
